import type { Trace } from "./messages.ts";

/**
 * W3C Trace Context (www.w3.org/TR/trace-context): which request something is done for. It travels from hop to hop in
 * the headers of requests and records, and is kept in what outlives a process (RunHead, OnboardingState). It comes from
 * outside: it is shown, and nothing is decided by it.
 *
 * - traceparent: `00-<trace id>-<span id>-<flags>`, lower-case hexadecimal.
 * - tracestate: what tracing systems of others add; passed on as it is.
 */

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** A member of a tracestate: a key, and printable ASCII that does not end with a space. */
const MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const MAX_MEMBERS = 32;
/** The least that must be passed on whole; what is longer is left out. */
const MAX_TRACESTATE = 512;
/** Sampled, and random trace id: the flags that version 00 knows. */
const KNOWN_FLAGS = 0x03;

/** Where span ids come from. */
interface RandomBytes {
  bytes(n: number): Uint8Array;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * The trace that headers bear; null for none, and for a malformed one. A later version than 00 is read as far as 00
 * goes; a tracestate that is malformed or too long is left out.
 */
export function traceOf({ traceparent, tracestate }: Headers): Trace | null {
  if (typeof traceparent !== "string") return null;
  const [, version, traceId = "", spanId = "", flags = "", more] = TRACEPARENT.exec(traceparent) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  const known = (Number.parseInt(flags, 16) & KNOWN_FLAGS).toString(16);
  return {
    traceparent: `00-${traceId}-${spanId}-0${known}`,
    tracestate: typeof tracestate === "string" && isTracestate(tracestate) ? tracestate : null,
  };
}

function isTracestate(text: string): boolean {
  if (text.length > MAX_TRACESTATE) return false;
  // Empty members are allowed between others.
  const members = text.split(",").map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""));
  const full = members.filter((member) => member !== "");
  return full.length > 0 && members.length <= MAX_MEMBERS && full.every((member) => MEMBER.test(member));
}

/** A trace that begins here. Not sampled: nothing here records spans. */
export function newTrace(random: RandomBytes): Trace {
  const ids = hex(random.bytes(24));
  return { traceparent: `00-${ids.slice(0, 32)}-${ids.slice(32)}-00`, tracestate: null };
}

/** The trace within a span of its own: one request, one attempt at a step. */
export function childOf(trace: Trace, random: RandomBytes): Trace {
  const { traceparent, tracestate } = trace;
  return {
    traceparent: `${traceparent.slice(0, 36)}${hex(random.bytes(8))}${traceparent.slice(52)}`,
    tracestate,
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** What a record that belongs to a trace is given beside its value. */
export function traced(trace: Trace | null): { headers?: Record<string, string> } {
  if (trace === null) return {};
  const { traceparent, tracestate } = trace;
  return { headers: tracestate === null ? { traceparent } : { traceparent, tracestate } };
}

/** A trace as log lines tell it. */
export function traceFields(trace: Trace | null): { trace_id?: string; span_id?: string } {
  if (trace === null) return {};
  return { trace_id: trace.traceparent.slice(3, 35), span_id: trace.traceparent.slice(36, 52) };
}
