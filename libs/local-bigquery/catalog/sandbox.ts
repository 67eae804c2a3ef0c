import {
  newQuickJSWASMModuleFromVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSWASMModule,
} from "quickjs-emscripten-core";
import { type Json, parseJson } from "../json.ts";

/** What one call may take: milliseconds, bytes of memory. */
const LONGEST = 2_000;
const MOST_MEMORY = 64 * 1024 * 1024;
const MOST_STACK = 256 * 1024;
/** After so long a failure is remembered, milliseconds. */
const WHILE = 100;
const TOO_LONG = `A JavaScript function took longer than ${LONGEST / 1000} seconds`;
/** Functions that are kept ready. */
const KEPT = 16;

/** Puts JSON and JavaScript values into each other: what JSON has no word for is an object with one "$" key. */
const BRIDGE = `
  const read = (v) => {
    if (v === null || typeof v !== "object") return v;
    if (Array.isArray(v)) return v.map(read);
    if ("$number" in v) return Number(v.$number);
    if ("$date" in v) return new Date(v.$date);
    if ("$value" in v) return v.$value;
    return Object.fromEntries(Object.entries(v.$struct).map(([k, x]) => [k, read(x)]));
  };
  const write = (v) => {
    if (v === undefined || v === null) return null;
    if (typeof v === "number") return Number.isFinite(v) && !Object.is(v, -0) ? v : { $number: Object.is(v, -0) ? "-0" : String(v) };
    if (typeof v === "bigint") return { $integer: String(v) };
    if (typeof v === "string" || typeof v === "boolean") return v;
    if (v instanceof Date) return { $date: v.getTime() };
    if (Array.isArray(v)) return v.map(write);
    if (typeof v === "object") return { $struct: Object.fromEntries(Object.entries(v).map(([k, x]) => [k, write(x)])) };
    return { $other: typeof v };
  };`;

interface Compiled {
  context: QuickJSContext;
  call: QuickJSHandle;
}

/** Raised where the JavaScript itself fails, with its error's name and message. */
export class JavaScriptError extends Error {
  override readonly name = "JavaScriptError";
  /** Set where the engine gave up: out of memory, stack or time. */
  readonly isInternal: boolean;
  constructor(message: string, isInternal = false) {
    super(message);
    this.isInternal = isInternal;
  }
}

/** Runs functions in JavaScript in an engine of their own, without files, network, timers or this process. */
export class Sandbox {
  readonly #engine: QuickJSWASMModule;
  readonly #compiled = new Map<string, Compiled>();
  /** Calls that failed after a while, and how: DuckDB tries a constant one again and again. */
  readonly #failed = new Map<string, JavaScriptError>();
  #deadline = 0;

  private constructor(engine: QuickJSWASMModule) {
    this.#engine = engine;
  }

  static async load(): Promise<Sandbox> {
    return new Sandbox(await newQuickJSWASMModuleFromVariant(import("@jitl/quickjs-wasmfile-release-sync")));
  }

  /** Calls the function of this body; arguments and result as BRIDGE spells them. Throws JavaScriptError. */
  call(parameters: string[], body: string, args: string): Json {
    const attempt = JSON.stringify([body, args]);
    const known = this.#failed.get(attempt);
    if (known) throw known;
    const key = JSON.stringify([parameters, body]);
    const compiled = this.#ready(key, parameters, body);
    const started = Date.now();
    this.#deadline = started + LONGEST;
    const { text, error } = invoke(compiled, args);
    if (error === undefined) return parseJson(text) ?? null;
    // What ran out of memory or time may be left in any state.
    if (error.isInternal) this.#drop(key);
    if (Date.now() - started > WHILE && this.#failed.size < 1_000) this.#failed.set(attempt, error);
    throw error;
  }

  #ready(key: string, parameters: string[], body: string): Compiled {
    const known = this.#compiled.get(key);
    if (known) return known;
    const made = this.#compile(parameters, body);
    this.#compiled.set(key, made);
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size > KEPT && oldest !== undefined) this.#drop(oldest);
    return made;
  }

  #compile(parameters: string[], body: string): Compiled {
    const runtime = this.#engine.newRuntime();
    runtime.setMemoryLimit(MOST_MEMORY);
    runtime.setMaxStackSize(MOST_STACK);
    runtime.setInterruptHandler(() => Date.now() > this.#deadline);
    const context = runtime.newContext();
    this.#deadline = Date.now() + LONGEST;
    const code = `(() => {${BRIDGE}
      const own = function (${parameters.join(", ")}) {${body}\n};
      return (args) => JSON.stringify(write(own(...JSON.parse(args).map(read))));
    })()`;
    const made = context.evalCode(code);
    if (!made.error) return { context, call: made.value };
    const fault = failure(context.dump(made.error));
    made.error.dispose();
    context.dispose();
    runtime.dispose();
    throw fault;
  }

  #drop(key: string): void {
    const old = this.#compiled.get(key);
    this.#compiled.delete(key);
    old?.call.dispose();
    old?.context.dispose();
    old?.context.runtime.dispose();
  }
}

/** One call: the JSON text that it gives, or its error. */
function invoke(
  { context, call }: Compiled,
  args: string,
): { text: string; error: JavaScriptError | undefined } {
  const given = context.newString(args);
  const outcome = context.callFunction(call, context.undefined, given);
  given.dispose();
  const handle = outcome.error ?? outcome.value;
  const error = outcome.error && failure(context.dump(outcome.error));
  const text = error ? "" : context.getString(handle);
  handle.dispose();
  return { text, error };
}

function failure(error: unknown): JavaScriptError {
  const { name, message } = Object(error);
  if (name === "InternalError" && message === "interrupted") return new JavaScriptError(TOO_LONG, true);
  const text = name === undefined ? String(error) : `${name}: ${message}`;
  return new JavaScriptError(text, name === "InternalError");
}
