import type { DatabaseSync } from "node:sqlite";
import { SEALING_KEYS_TYPES, type SealingKeyAnnounced } from "@convergence/contracts";
import { newestOf } from "@convergence/keys/newest.ts";
import type { GatewayDeps } from "../deps.ts";
import { CompactedView, type Projection } from "./compacted-view.ts";
import type { Follower } from "./follower.ts";

type Keys = Map<string, SealingKeyAnnounced>;

const projection: Projection<(typeof SEALING_KEYS_TYPES)[number], Keys> = {
  topic: "sealing-keys",
  types: SEALING_KEYS_TYPES,
  empty: () => new Map(),
  apply(keys, key, message) {
    if (message === null) keys.delete(key);
    else keys.set(key, message);
  },
  urgent: () => false,
};

/** The public keys that secrets are sealed to on their way to tenant-service. */
export class SealingKeysView {
  readonly #view: CompactedView<(typeof SEALING_KEYS_TYPES)[number], Keys>;

  constructor(deps: GatewayDeps, database: DatabaseSync) {
    this.#view = new CompactedView(deps, database, projection);
  }

  get follower(): Follower {
    return this.#view.follower;
  }

  /** The newest; undefined until tenant-service has made one. */
  newest(): SealingKeyAnnounced | undefined {
    return newestOf(this.#view.state.values());
  }

  stop(): Promise<void> {
    return this.#view.stop();
  }
}
