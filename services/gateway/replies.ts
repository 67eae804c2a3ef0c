import type { BusRecord } from "@convergence/bus";
import {
  decodeAs,
  type ReplyTo,
  TENANT_REPLIES_TYPES,
  type TenantCommandsMessage,
  type TenantReply,
  type Trace,
} from "@convergence/contracts";
import type { SealKeyPair } from "@convergence/keys/port.ts";
import { logUnavailable, send } from "./commands.ts";
import type { GatewayDeps } from "./deps.ts";
import { ApiProblem, unavailable } from "./problem.ts";
import { Follower } from "./views/follower.ts";
import { Waiters } from "./waiters.ts";

/** How long a tenant command may take before its client is sent away, in milliseconds. */
export const REPLY_MS = 120_000;

/** A tenant command's success. */
export interface Granted {
  /** JSON object. */
  body: string;
  /** The API key that it made, readable: nowhere else. */
  apiKey: { id: string; text: string } | null;
}

/** Asks tenant-service, and hears its answers: secrets come sealed to this process alone. */
export class Replies {
  readonly follower: Follower;
  readonly #deps: GatewayDeps;
  readonly #keyPair: SealKeyPair;
  readonly #waiting: Waiters<TenantReply>;

  constructor(deps: GatewayDeps, keyPair: SealKeyPair) {
    this.#deps = deps;
    this.#keyPair = keyPair;
    this.#waiting = new Waiters(deps.clock);
    this.follower = new Follower({
      bus: deps.bus,
      clock: deps.clock,
      log: deps.log,
      metrics: deps.metrics,
      name: "gateway:tenant.replies",
      topics: ["tenant.replies"],
      from: async () => "end",
      fold: (record) => this.#hear(record),
      current: () => {},
      canServeStale: () => true,
    });
  }

  /** Where answers to this process go. */
  get replyTo(): ReplyTo {
    return { gateway: this.#deps.instance, public_key: Buffer.from(this.#keyPair.publicKey) };
  }

  /**
   * Sends a tenant command that a request of this trace led to, and waits for its answer.
   * @throws ApiProblem as tenant-service refuses it; 503 when the bus is away or no answer came within 120 s.
   */
  async ask(command: TenantCommandsMessage, trace: Trace | null): Promise<Granted> {
    if (this.follower.view === undefined) throw logUnavailable();
    const answer = this.#waiting.wait(command.meta.command_id, REPLY_MS);
    try {
      await Promise.race([answer, send(this.#deps.bus, command, trace)]);
    } catch (error) {
      this.#waiting.giveUp(command.meta.command_id);
      throw error;
    }
    const reply = await answer;
    if (reply === undefined) {
      throw unavailable(
        "unfinished",
        "This is taking longer than 120 s and goes on: repeat the same request to hear how it ended.",
        5,
      );
    }
    if (reply.status >= 400) {
      throw new ApiProblem(
        reply.status,
        reply.reason ?? "refused",
        reply.detail ?? "The request was refused.",
      );
    }
    return { body: reply.body ?? "{}", apiKey: await this.#open(reply) };
  }

  async stop(): Promise<void> {
    await this.follower.stop();
  }

  #hear(record: BusRecord): void {
    if (record.key !== this.#deps.instance) return;
    try {
      const reply = decodeAs(record.value, TENANT_REPLIES_TYPES);
      if (reply.gateway === this.#deps.instance) this.#waiting.wake(reply.command_id, reply);
    } catch (err) {
      this.#deps.metrics.unreadable(record.topic);
      this.#deps.log.error({ err }, "a reply cannot be read");
    }
  }

  async #open({ key_id, sealed_key }: TenantReply): Promise<Granted["apiKey"]> {
    if (key_id === null || sealed_key === null) return null;
    const text = new TextDecoder().decode(await this.#keyPair.open(sealed_key, key_id));
    return { id: key_id, text };
  }
}
