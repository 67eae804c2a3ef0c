import type { DatabaseSync } from "node:sqlite";
import { API_KEYS_TYPES, type ApiKeyRecord } from "@convergence/contracts";
import { hashApiKey } from "@convergence/keys/api-key.ts";
import type { GatewayDeps } from "../deps.ts";
import { Waiters } from "../waiters.ts";
import { CompactedView, type Projection } from "./compacted-view.ts";
import type { Follower } from "./follower.ts";

interface Keys {
  byId: Map<string, ApiKeyRecord>;
  /** By the hash's hexadecimal text. */
  byHash: Map<string, ApiKeyRecord>;
  /** By tenant, then by id. */
  byTenant: Map<string, Map<string, ApiKeyRecord>>;
  /** Moment of revocation by key id, in Unix milliseconds. Final, whatever is said of the key later. */
  revoked: Map<string, number>;
}

/** A key as it stands. */
export interface KnownKey {
  record: ApiKeyRecord;
  revokedAt: number | null;
}

export type KeyStatus = "ACTIVE" | "EXPIRED" | "REVOKED";

/** Whether a key lets in at `now`, Unix milliseconds: only one that is ACTIVE does. */
export function keyStatus({ record, revokedAt }: KnownKey, now: number): KeyStatus {
  if (revokedAt !== null) return "REVOKED";
  return record.expires_at !== null && record.expires_at <= now ? "EXPIRED" : "ACTIVE";
}

const projection: Projection<(typeof API_KEYS_TYPES)[number], Keys> = {
  topic: "api-keys",
  types: API_KEYS_TYPES,
  empty: () => ({ byId: new Map(), byHash: new Map(), byTenant: new Map(), revoked: new Map() }),
  apply(keys, key, message) {
    if (message === null) forget(keys, key);
    else if (message.type === "ApiKeyRevoked") keys.revoked.set(message.key_id, message.revoked_at);
    else {
      forget(keys, message.key_id);
      keys.byId.set(message.key_id, message);
      keys.byHash.set(hex(message.hash), message);
      const ofTenant = keys.byTenant.get(message.tenant_id) ?? new Map<string, ApiKeyRecord>();
      keys.byTenant.set(message.tenant_id, ofTenant.set(message.key_id, message));
    }
  },
  urgent: (message) => message.type === "ApiKeyRevoked",
};

/** The API keys in force, by hash: the topic `api-keys` folded. */
export class KeysView {
  readonly #view: CompactedView<(typeof API_KEYS_TYPES)[number], Keys>;
  readonly #seen: Waiters<true>;

  constructor(deps: GatewayDeps, database: DatabaseSync) {
    this.#seen = new Waiters(deps.clock);
    this.#view = new CompactedView(deps, database, projection, (message) =>
      this.#seen.wake(message.type === "ApiKeyRevoked" ? revokedKey(message.key_id) : message.key_id, true),
    );
  }

  get follower(): Follower {
    return this.#view.follower;
  }

  /** The key of this text, revoked and expired ones too. Takes the same time whether there is one or not. */
  find(text: string): KnownKey | undefined {
    const record = this.#view.state.byHash.get(hex(hashApiKey(text)));
    return record === undefined ? undefined : this.#known(record);
  }

  get(keyId: string): KnownKey | undefined {
    const record = this.#view.state.byId.get(keyId);
    return record === undefined ? undefined : this.#known(record);
  }

  /** A tenant's keys, oldest first. */
  ofTenant(tenantId: string): KnownKey[] {
    return [...(this.#view.state.byTenant.get(tenantId)?.values() ?? [])]
      .sort((a, b) => a.created_at - b.created_at || (a.key_id < b.key_id ? -1 : 1))
      .map((record) => this.#known(record));
  }

  /** Resolves true once this view knows the key, false after `ms` milliseconds. */
  async waitForKey(keyId: string, ms: number): Promise<boolean> {
    return this.#view.state.byId.has(keyId) || ((await this.#seen.wait(keyId, ms)) ?? false);
  }

  /** Resolves true once this view refuses the key, false after `ms` milliseconds. */
  async waitForRevocation(keyId: string, ms: number): Promise<boolean> {
    return this.#view.state.revoked.has(keyId) || ((await this.#seen.wait(revokedKey(keyId), ms)) ?? false);
  }

  stop(): Promise<void> {
    return this.#view.stop();
  }

  #known(record: ApiKeyRecord): KnownKey {
    return { record, revokedAt: this.#view.state.revoked.get(record.key_id) ?? null };
  }
}

function forget(keys: Keys, keyId: string): void {
  const known = keys.byId.get(keyId);
  if (known === undefined) return;
  keys.byId.delete(keyId);
  keys.byHash.delete(hex(known.hash));
  keys.byTenant.get(known.tenant_id)?.delete(keyId);
}

function revokedKey(keyId: string): string {
  return `${keyId}/revoked`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
