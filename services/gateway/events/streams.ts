import { every, type Timer } from "@convergence/runtime/clock.ts";
import type { TenantCaller } from "../access.ts";
import type { GatewayDeps } from "../deps.ts";
import { ApiProblem, unavailable } from "../problem.ts";
import { type KeysView, keyStatus } from "../views/keys.ts";
import type { RunsView } from "../views/runs/view.ts";
import { Feed, type Followed } from "./feed.ts";

/** How many streams a key, and all keys of a tenant, may have open at one gateway. */
export const STREAMS_PER_KEY = 20;
export const STREAMS_PER_TENANT = 100;
/** A comment is sent where nothing else was for so long, in milliseconds. */
export const HEARTBEAT_MS = 15_000;
/** A reader that takes nothing for so long is dropped, in milliseconds. */
export const STUCK_MS = 30_000;
/** How often keys, heartbeats and stuck readers are looked after, in milliseconds. */
const TEND_MS = 1_000;
const RETRY_AFTER_S = 5;

/** The streams that are open: bounded, and ended with their keys and with the gateway. */
export class RunStreams {
  readonly #deps: Pick<GatewayDeps, "clock" | "log" | "metrics">;
  readonly #keys: KeysView;
  readonly #runs: RunsView;
  readonly #open = new Set<Feed>();
  readonly #perKey = new Counts();
  readonly #perTenant = new Counts();
  #tending: Timer | undefined;
  #stopped = false;

  constructor(deps: Pick<GatewayDeps, "clock" | "log" | "metrics">, keys: KeysView, runs: RunsView) {
    this.#deps = deps;
    this.#keys = keys;
    this.#runs = runs;
  }

  /**
   * A stream, which counts from now on: it has to be started or closed.
   * @throws ApiProblem 429 over the bounds; 503 while the gateway stops
   */
  open(followed: Followed): Feed {
    const { keyId, tenantId } = followed.caller;
    if (this.#stopped) throw unavailable("stopping", "The gateway stops: connect again.");
    if (this.#perKey.of(keyId) >= STREAMS_PER_KEY) throw tooMany("This API key", STREAMS_PER_KEY);
    if (this.#perTenant.of(tenantId) >= STREAMS_PER_TENANT) throw tooMany("This tenant", STREAMS_PER_TENANT);
    const { clock } = this.#deps;
    const feed = new Feed(
      followed,
      this.#runs,
      () => clock.now(),
      (closed) => this.#forget(closed),
    );
    this.#open.add(feed);
    this.#perKey.add(keyId, 1);
    this.#perTenant.add(tenantId, 1);
    this.#tending ??= every(clock, TEND_MS, () => this.#tend());
    this.#deps.metrics.eventStreams(this.#open.size);
    return feed;
  }

  /** Ends all, and refuses new ones. */
  stop(): void {
    this.#stopped = true;
    for (const feed of this.#open) feed.end();
  }

  #forget(feed: Feed): void {
    if (!this.#open.delete(feed)) return;
    this.#perKey.add(feed.followed.caller.keyId, -1);
    this.#perTenant.add(feed.followed.caller.tenantId, -1);
    this.#deps.metrics.eventStreams(this.#open.size);
    if (this.#open.size > 0) return;
    this.#tending?.clear();
    this.#tending = undefined;
  }

  #tend(): void {
    for (const feed of this.#open) {
      const { caller, runId } = feed.followed;
      if (!this.#letsIn(caller)) feed.end();
      else if (feed.fullForMs >= STUCK_MS) {
        const about = { tenant_id: caller.tenantId, run_id: runId };
        this.#deps.log.info(about, "a reader of events takes nothing: dropped");
        feed.drop();
      } else feed.heartbeat(HEARTBEAT_MS);
    }
  }

  /** Whether the key that opened a stream still lets in. */
  #letsIn({ keyId }: TenantCaller): boolean {
    const known = this.#keys.get(keyId);
    return known !== undefined && keyStatus(known, this.#deps.clock.now()) === "ACTIVE";
  }
}

/** How many there are of each; none are not kept. */
class Counts {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, n: number): void {
    const count = this.of(key) + n;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }
}

function tooMany(who: string, most: number): ApiProblem {
  const detail = `${who} follows ${most} runs already: end some streams, or ask for a run with ?wait=.`;
  return new ApiProblem(429, "too-many-streams", detail, { retryAfter: RETRY_AFTER_S });
}
