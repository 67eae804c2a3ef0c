import { type Answer, call } from "../../cli/testing/http.ts";
import type { Prng } from "../../simulation/world/prng.ts";
import type { Exchange } from "../history.ts";
import type { Supervised } from "../system/supervised.ts";
import { pause } from "../until.ts";

/** How long a client waits for an answer, milliseconds. */
const PATIENCE_MS = 10_000;
/** An onboarding may take its time: see the contract (120 s). */
export const ONBOARDING_PATIENCE_MS = 130_000;
/** Between the first two tries at least and at most; each time half as much again, up to LONGEST_MS: milliseconds. */
const AGAIN_MS = [300, 1_500] as const;
const LONGEST_MS = 6_000;

export interface Request {
  method: string;
  path: string;
  body?: unknown;
  headers: Record<string, string>;
  patienceMs?: number;
}

/** An answer with the process that gave it. */
export interface Reply extends Answer {
  from: Supervised;
  process: string;
}

export interface InsistOptions {
  /** Statuses that a repeat may change. */
  passing?: readonly number[];
  first?: Supervised;
  noted?: (exchange: Exchange) => void;
}

interface Insisted {
  exchanges: Exchange[];
  answered: boolean;
}

/** How clients ask: any gateway, again and again until there is an answer that can be relied on. */
export class Asking {
  readonly #gateways: readonly Supervised[];
  readonly #prng: Prng;
  #over = false;

  constructor(gateways: readonly Supervised[], prng: Prng) {
    this.#gateways = gateways;
    this.#prng = prng;
  }

  /** From now on nobody tries again. */
  giveUp(): void {
    this.#over = true;
  }

  /**
   * Asks until the answer is neither silence, nor a fault of the server's, nor one of `passing`. Null for who gave up.
   * `make` makes the request anew for each try: keys may have changed.
   */
  async insist(
    operation: Insisted,
    make: () => Request,
    { passing = [], first, noted }: InsistOptions = {},
  ): Promise<Reply | null> {
    for (let tries = 1, target = first; ; tries += 1, target = undefined) {
      const reply = await this.once(operation.exchanges, make(), target ?? this.#prng.pick(this.#gateways));
      const exchange = operation.exchanges.at(-1);
      if (exchange !== undefined) noted?.(exchange);
      if (reply !== null && reply.status < 500 && reply.status !== 429 && !passing.includes(reply.status)) {
        operation.answered = true;
        return reply;
      }
      if (this.#over) return null;
      const asked = 1_000 * Number(reply?.headers.get("retry-after") ?? 0);
      await pause(Math.min(LONGEST_MS, asked + this.#prng.int(...AGAIN_MS) * 1.5 ** (tries - 1)));
    }
  }

  /** Asks one gateway once; null for no answer. What came of it is noted among `exchanges`. */
  async once(exchanges: Exchange[], request: Request, target: Supervised): Promise<Reply | null> {
    const { method, path, body, headers, patienceMs = PATIENCE_MS } = request;
    const [at, process] = [Date.now(), target.process];
    const note = (status: number | null, retryAfter: number | null, problem: string | null) =>
      exchanges.push({ at, ms: Date.now() - at, gateway: process, status, retryAfter, problem });
    try {
      const answer = await call(
        `${target.url}${path}`,
        method,
        body,
        headers,
        AbortSignal.timeout(patienceMs),
      );
      const retryAfter = answer.headers.get("retry-after");
      const { type, detail } = answer.body;
      const problem = answer.status < 400 ? null : `${type}: ${detail}`;
      note(answer.status, retryAfter === null ? null : Number(retryAfter), problem);
      return { ...answer, from: target, process };
    } catch (error) {
      note(null, null, why(error));
      return null;
    }
  }
}

function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
