import type { Clock } from "@convergence/runtime/clock.ts";
import type { AdminCaller, LocalCaller, TenantCaller } from "../access.ts";
import { ApiProblem } from "../problem.ts";
import { TokenBuckets } from "./buckets.ts";

/** Requests a second, on the average; 0 for no limit. */
export interface RateLimitOptions {
  tenantPerSecond: number;
  keyPerSecond: number;
  /** What may be saved up: the quota of so many seconds may be used at once. */
  burstSeconds: number;
  /** Wrong keys of one address; 0 for no limit. */
  failuresPerMinute: number;
}

/** One limit: what of a caller it counts by. */
interface Policy {
  name: "tenant" | "key";
  idOf(caller: TenantCaller): string;
  buckets: TokenBuckets;
}

type Headers = Record<string, string>;

/** What a gateway process lets its callers do. Each process counts for itself. */
export class RateLimits {
  readonly #policies: Policy[];
  readonly #failures: TokenBuckets | null;
  readonly #limited: (policy: string) => void;
  /** RateLimit-Policy, the same in every answer. */
  readonly #advertised: string;

  /** `limited` is told of each request that is refused here, by the policy's name. */
  constructor(clock: Clock, options: RateLimitOptions, limited: (policy: string) => void) {
    const { tenantPerSecond, keyPerSecond, burstSeconds, failuresPerMinute } = options;
    const policy = (name: Policy["name"], perSecond: number, idOf: Policy["idOf"]): Policy[] => {
      if (perSecond === 0) return [];
      return [
        { name, idOf, buckets: new TokenBuckets(clock, perSecond * burstSeconds, burstSeconds * 1_000) },
      ];
    };
    this.#policies = [
      ...policy("tenant", tenantPerSecond, ({ tenantId }) => tenantId),
      ...policy("key", keyPerSecond, ({ keyId }) => keyId),
    ];
    this.#failures = failuresPerMinute === 0 ? null : new TokenBuckets(clock, failuresPerMinute, 60_000);
    this.#limited = limited;
    this.#advertised = this.#policies
      .map(({ name, buckets }) => `"${name}";q=${buckets.quota};w=${burstSeconds}`)
      .join(", ");
  }

  /**
   * Counts a request of this caller. Operators and local callers are not limited.
   * @returns what its answer is to tell (RateLimit-Policy, RateLimit)
   * @throws ApiProblem 429, which tells the same
   */
  admit(caller: TenantCaller | AdminCaller | LocalCaller | null): Headers {
    if (caller?.kind !== "tenant" || this.#policies.length === 0) return {};
    // Refused by one, a request costs nothing of the others.
    for (const { name, idOf, buckets } of this.#policies) {
      const { remaining, waitMs } = buckets.allowance(idOf(caller));
      if (remaining < 1) throw this.#refusal(name, waitMs, this.#told(caller));
    }
    for (const { idOf, buckets } of this.#policies) buckets.take(idOf(caller));
    return this.#told(caller);
  }

  /**
   * Whether this address may try an admin key: not once its wrong keys are used up, so that guessing is slow.
   * @throws ApiProblem 429
   */
  mayTry(address: string): void {
    const allowance = this.#failures?.allowance(address);
    if (allowance !== undefined && allowance.remaining < 1)
      throw this.#refusal("failures", allowance.waitMs, {});
  }

  /** Counts a wrong key of this address. @throws ApiProblem 429 in place of the 401, where there were too many */
  failed(address: string): void {
    if (this.#failures?.take(address) === false) this.mayTry(address);
  }

  #told(caller: TenantCaller): Headers {
    let state = "";
    for (const { name, idOf, buckets } of this.#policies) {
      const { remaining, fullMs } = buckets.allowance(idOf(caller));
      state += `${state === "" ? "" : ", "}"${name}";r=${remaining};t=${Math.ceil(fullMs / 1_000)}`;
    }
    return { "RateLimit-Policy": this.#advertised, RateLimit: state };
  }

  #refusal(policy: Policy["name"] | "failures", waitMs: number, headers: Headers): ApiProblem {
    this.#limited(policy);
    const retryAfter = Math.max(1, Math.ceil(waitMs / 1_000));
    return new ApiProblem(429, "rate-limited", DETAILS[policy], { retryAfter, headers });
  }
}

const DETAILS = {
  tenant: "This tenant makes more requests than it may: slow down, and repeat after Retry-After seconds.",
  key: "This API key makes more requests than it may: slow down, and repeat after Retry-After seconds.",
  failures:
    "Too many wrong keys came from this address: mend the client, and repeat after Retry-After seconds.",
};
