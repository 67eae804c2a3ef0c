import type { DatabaseSync } from "node:sqlite";
import { sleep } from "@convergence/runtime/clock.ts";
import { commandMeta, send } from "./commands.ts";
import type { GatewayDeps } from "./deps.ts";

/** How long a gateway that stops goes on telling, in milliseconds: its outbox may go with its container. */
const LAST_MS = 2_000;
const AGAIN_MS = 1_000;

/** A delivery to be told: under one command id, however often it takes. */
interface Noted {
  tenantId: string;
  keyId: string;
  commandId: string;
  at: number;
}

/**
 * Tells tenant-service which keys reached their owners: each is noted durably first, then told until the log has
 * taken it, over restarts too. Telling twice is harmless.
 */
export class Delivery {
  readonly #deps: GatewayDeps;
  readonly #outbox: DatabaseSync;
  readonly #noted = new Set<string>();
  #running = false;
  /** There may be something to tell that the present round has not seen. */
  #more = false;
  #stopped = false;

  constructor(deps: GatewayDeps, outbox: DatabaseSync) {
    this.#deps = deps;
    this.#outbox = outbox;
    this.#start();
  }

  /** The key reached its owner. Once a key and process; `tenantId` in lower case. */
  note(tenantId: string, keyId: string): void {
    if (this.#noted.has(keyId) || this.#stopped) return;
    try {
      this.#outbox
        .prepare(
          "INSERT OR IGNORE INTO delivered_keys (key_id, tenant_id, command_id, at) VALUES (?, ?, ?, ?)",
        )
        .run(keyId, tenantId, this.#deps.random.uuid(), this.#deps.clock.now());
    } catch (err) {
      // The key is told at its next use, as long as it is not known to be delivered.
      this.#deps.log.error({ err, key_id: keyId }, "a key's delivery cannot be noted");
      return;
    }
    this.#noted.add(keyId);
    this.#start();
  }

  /** Tells what waits, for a while; the rest is told after the next start, where the outbox is still there then. */
  async stop(): Promise<void> {
    const { clock } = this.#deps;
    const deadline = clock.now() + LAST_MS;
    while (this.#running && clock.now() < deadline) await sleep(clock, AGAIN_MS / 10);
    this.#stopped = true;
  }

  #start(): void {
    this.#more = true;
    if (!this.#running) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#running = true;
    while (this.#more && !this.#stopped) {
      this.#more = false;
      try {
        for (let next = this.#next(); next !== undefined; next = this.#next()) await this.#send(next);
      } catch (err) {
        this.#deps.log.warn({ err }, "a key's delivery cannot be told yet: trying again");
        this.#more = true;
        await sleep(this.#deps.clock, AGAIN_MS);
      }
    }
    this.#running = false;
  }

  async #send({ tenantId, keyId, commandId, at }: Noted): Promise<void> {
    const meta = { ...commandMeta(this.#deps, tenantId), command_id: commandId, at };
    await send(this.#deps.bus, { type: "ConfirmKeyDelivered", meta, key_id: keyId }, null);
    if (!this.#stopped) this.#outbox.prepare("DELETE FROM delivered_keys WHERE key_id = ?").run(keyId);
  }

  #next(): Noted | undefined {
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
