import type { Clock } from "@convergence/runtime/clock.ts";

/** So many callers are told apart in one window; beyond, those that were silent longest are forgotten, in their favour. */
const MAX_BUCKETS = 20_000;

/** What a caller may still do. */
export interface Allowance {
  /** Whole requests that may be made at once. */
  remaining: number;
  /** Until one may be made, in milliseconds; 0 for now. */
  waitMs: number;
  /** Until all may be made again, in milliseconds. */
  fullMs: number;
}

interface Bucket {
  tokens: number;
  /** When it held so many. */
  at: number;
}

/**
 * A token bucket for each caller: `quota` requests at once, refilled evenly within `windowMs`. One that was not touched
 * for a window is full, so that it need not be kept: two generations of a window each hold all that matter.
 */
export class TokenBuckets {
  readonly quota: number;
  readonly windowMs: number;
  readonly #clock: Clock;
  readonly #max: number;
  #recent = new Map<string, Bucket>();
  #older = new Map<string, Bucket>();
  #begun: number;

  constructor(clock: Clock, quota: number, windowMs: number, max = MAX_BUCKETS) {
    this.#clock = clock;
    this.quota = quota;
    this.windowMs = windowMs;
    this.#max = max;
    this.#begun = clock.now();
  }

  /** How many buckets are kept. */
  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  /** What this caller may do now. */
  allowance(caller: string): Allowance {
    const missing = this.quota - this.#filled(caller).tokens;
    const msPerToken = this.windowMs / this.quota;
    return {
      remaining: Math.floor(this.quota - missing),
      waitMs: Math.ceil(Math.max(0, (missing - this.quota + 1) * msPerToken)),
      fullMs: Math.ceil(missing * msPerToken),
    };
  }

  /** Takes a request's token; false where there is none. */
  take(caller: string): boolean {
    const bucket = this.#filled(caller);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #filled(caller: string): Bucket {
    const now = this.#clock.now();
    if (now - this.#begun >= this.windowMs || this.#recent.size >= this.#max) this.#turn(now);
    const bucket = this.#recent.get(caller) ?? this.#kept(caller, now);
    const passed = Math.max(0, now - bucket.at);
    bucket.tokens = Math.min(this.quota, bucket.tokens + (passed * this.quota) / this.windowMs);
    bucket.at = now;
    return bucket;
  }

  #kept(caller: string, now: number): Bucket {
    const bucket = this.#older.get(caller) ?? { tokens: this.quota, at: now };
    this.#older.delete(caller);
    this.#recent.set(caller, bucket);
    return bucket;
  }

  #turn(now: number): void {
    this.#older = this.#recent;
    this.#recent = new Map();
    this.#begun = now;
  }
}
