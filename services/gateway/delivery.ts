import type { DatabaseSync } from "node:sqlite";
import { sleep } from "@convergence/runtime/clock.ts";
import { commandMeta, send } from "./commands.ts";
import type { GatewayDeps } from "./deps.ts";

const AGAIN_MS = 1_000;

/**
 * Tells tenant-service which keys reached their owners: each is noted durably first, then told until the log has
 * taken it, over restarts too. Telling twice is harmless.
 */
export class Delivery {
  readonly #deps: GatewayDeps;
  readonly #outbox: DatabaseSync;
  readonly #noted = new Set<string>();
  #sending: Promise<void> | undefined;
  #stopped = false;

  constructor(deps: GatewayDeps, outbox: DatabaseSync) {
    this.#deps = deps;
    this.#outbox = outbox;
    this.#start();
  }

  /** The key reached its owner. Once a key and process; `tenantId` in lower case. */
  note(tenantId: string, keyId: string): void {
    if (this.#noted.has(keyId) || this.#stopped) return;
    this.#noted.add(keyId);
    this.#outbox
      .prepare("INSERT OR IGNORE INTO delivered_keys (key_id, tenant_id, command_id, at) VALUES (?, ?, ?, ?)")
      .run(keyId, tenantId, this.#deps.random.uuid(), this.#deps.clock.now());
    this.#start();
  }

  /** How many keys are noted and not told yet. */
  get waiting(): number {
    return Number(this.#outbox.prepare("SELECT count(*) AS n FROM delivered_keys").get()?.n ?? 0);
  }

  /** Tells no more; what waits is told after the next start. */
  stop(): void {
    this.#stopped = true;
  }

  #start(): void {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      if (!this.#stopped && this.waiting > 0) this.#start();
    });
  }

  async #sendAll(): Promise<void> {
    for (let next = this.#next(); next !== undefined && !this.#stopped; next = this.#next()) {
      const { tenantId, keyId, commandId, at } = next;
      const meta = { ...commandMeta(this.#deps, tenantId, null), command_id: commandId, at };
      try {
        await send(this.#deps.bus, { type: "ConfirmKeyDelivered", meta, key_id: keyId });
        if (this.#stopped) return;
        this.#outbox.prepare("DELETE FROM delivered_keys WHERE key_id = ?").run(keyId);
      } catch (err) {
        this.#deps.log.warn({ err, key_id: keyId }, "a key's delivery cannot be told yet: trying again");
        await sleep(this.#deps.clock, AGAIN_MS);
      }
    }
  }

  #next(): { tenantId: string; keyId: string; commandId: string; at: number } | undefined {
    if (this.#stopped) return undefined;
    const row = this.#outbox
      .prepare("SELECT tenant_id, key_id, command_id, at FROM delivered_keys ORDER BY at LIMIT 1")
      .get();
    if (row === undefined) return undefined;
    return {
      tenantId: String(row.tenant_id),
      keyId: String(row.key_id),
      commandId: String(row.command_id),
      at: Number(row.at),
    };
  }
}
