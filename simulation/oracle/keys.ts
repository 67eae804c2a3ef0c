import type { Message } from "@convergence/contracts";
import { hashApiKey } from "@convergence/keys/api-key.ts";
import type { TenantEvent } from "@convergence/tenant";

/** A key as the counted log tells it. */
export interface SeenKey {
  keyId: string;
  tenantId: string;
  hash: string;
  /** In the clear: only the oracle and the client may know it. */
  text: string;
  ofOnboarding: boolean;
  activated: boolean;
  revoked: boolean;
  expiresAt: number | null;
  /** Another is in force in its place: it may be revoked, by the platform itself, once it has expired. */
  rotated: boolean;
}

interface KeysDeps {
  violation(what: string): void;
  decrypt(encrypted: Uint8Array, tenantId: string, keyId: string): Promise<string>;
}

/** Keys as the counted log tells them. */
export class SeenKeys {
  readonly byId = new Map<string, SeenKey>();
  /** Key of the last onboarding, by tenant. */
  readonly ofOnboarding = new Map<string, string>();
  readonly #deps: KeysDeps;
  readonly #onboardingKeys = new Set<string>();

  constructor(deps: KeysDeps) {
    this.#deps = deps;
  }

  byText(text: string): SeenKey | undefined {
    const hash = hex(hashApiKey(text));
    return [...this.byId.values()].find((key) => key.hash === hash);
  }

  fold(event: TenantEvent): void {
    switch (event.type) {
      case "OnboardingAccepted":
        this.#onboardingKeys.add(event.key_id);
        this.ofOnboarding.set(event.meta.tenant_id, event.key_id);
        break;
      case "KeyIssued":
        this.#issued(event);
        break;
      case "KeyRequested":
        if (event.replaces !== null) {
          this.#rotations.set(event.key_id, { old: event.replaces, graceMs: event.grace_ms });
        }
        break;
      case "KeyActivated":
        this.#activated(event.key_id, event.meta.at);
        break;
      case "KeyRevoked":
        this.#retired(event);
        this.#change(event.key_id, "revoked");
        break;
    }
  }

  /** A record of the topic api-keys: it may only tell of a key that was counted as issued. */
  announced(message: Message): void {
    if (message.type !== "ApiKeyRecord" && message.type !== "ApiKeyRevoked") return;
    const key = this.byId.get(message.key_id);
    if (message.type === "ApiKeyRevoked") {
      if (key?.revoked === false)
        this.#deps.violation(`key ${message.key_id} is announced as revoked and is not`);
      return;
    }
    if (key === undefined || key.hash !== hex(message.hash)) {
      this.#deps.violation(`key ${message.key_id} is announced with a hash that no counted event knows`);
    }
  }

  #issued(event: Extract<TenantEvent, { type: "KeyIssued" }>): void {
    const { key_id: keyId, hash, encrypted, expires_at: expiresAt } = event;
    const { tenant_id: tenantId } = event.meta;
    if (this.byId.has(keyId)) {
      this.#deps.violation(`key ${keyId} is issued twice`);
      return;
    }
    const key: SeenKey = {
      keyId,
      tenantId,
      hash: hex(hash),
      text: "",
      ofOnboarding: this.#onboardingKeys.has(keyId),
      activated: false,
      revoked: this.#revokedEarly.has(keyId),
      expiresAt,
      rotated: false,
    };
    this.byId.set(keyId, key);
    this.#deps.decrypt(encrypted, tenantId, keyId).then(
      (text) => {
        key.text = text;
        if (hex(hashApiKey(text)) !== key.hash)
          this.#deps.violation(`key ${keyId}: hash and ciphertext differ`);
      },
      (error) => this.#deps.violation(`key ${keyId} does not open: ${String(error)}`),
    );
  }

  readonly #revokedEarly = new Set<string>();
  /** What each key that was asked for is the rotation of. */
  readonly #rotations = new Map<string, { old: string; graceMs: number }>();

  /** The key that it replaces, if any, ends after its grace time. */
  #activated(keyId: string, at: number): void {
    const first = this.byId.get(keyId)?.activated === false;
    this.#change(keyId, "activated");
    const rotation = this.#rotations.get(keyId);
    const old = rotation === undefined ? undefined : this.byId.get(rotation.old);
    if (!first || rotation === undefined || old === undefined || this.byId.get(keyId)?.revoked) return;
    old.rotated = true;
    old.expiresAt = Math.min(old.expiresAt ?? Number.POSITIVE_INFINITY, at + rotation.graceMs);
  }

  /** Of itself the platform revokes rotated keys alone, and none before its end. */
  #retired({ key_id, by, meta }: Extract<TenantEvent, { type: "KeyRevoked" }>): void {
    if (by !== null) return;
    const key = this.byId.get(key_id);
    if (key?.rotated !== true || meta.at < (key.expiresAt ?? Number.POSITIVE_INFINITY)) {
      this.#deps.violation(`key ${key_id} is revoked at ${meta.at}, which nobody asked for`);
    }
  }

  #change(keyId: string, what: "activated" | "revoked"): void {
    const key = this.byId.get(keyId);
    if (key !== undefined) key[what] = true;
    else if (what === "revoked") this.#revokedEarly.add(keyId);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
