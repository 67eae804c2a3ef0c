import { crc32 } from "node:zlib";
import type { BusRecord } from "@convergence/bus/port.ts";
import type { Claimed, EventMeta, Message } from "@convergence/contracts";
import { evolve as evolveRuns, noRuns, type RunEvent, type TenantRuns } from "@convergence/run";
import { evolve as evolveTenant, type TenantEvent, type TenantState } from "@convergence/tenant";
import { CountedLog } from "./counted-log.ts";
import { SeenKeys } from "./keys.ts";
import { LeaseRule } from "./leases.ts";
import { SeenPlanned } from "./planned.ts";
import { readable } from "./readable.ts";
import { SeenRuns } from "./runs.ts";
import { checkRunsSnapshot, checkTenantSnapshot } from "./snapshots.ts";

/** A tenant's stream as folded from the beginning, a state for each version. */
export interface SeenStream<S> {
  /** By version; 0 is before the first event. */
  states: S[];
  /** Inputs folded by then, by version. */
  inputs: Record<string, number>[];
}

export interface SeenCommand {
  type: string;
  topic: string;
  tenantId: string;
  outcomes: string[];
}

export interface OracleDeps {
  now(): number;
  violation(what: string): void;
  note(what: string): void;
  /** What the instance of this name asked of its lane: null once it is gone. */
  askedOf(instance: string, lane: string): readonly { topic: string; at: number; end: number }[] | null;
  /** Milliseconds of a lease. */
  leaseMs: number;
  /** Opens what a KeyIssued holds. */
  decrypt(encrypted: Uint8Array, tenantId: string, keyId: string): Promise<string>;
}

/** Reads every topic as it is written, and knows what must be true of them. */
export class Oracle {
  readonly commands = new Map<string, SeenCommand>();
  readonly runs: SeenRuns;
  readonly planned: SeenPlanned;
  readonly keys: SeenKeys;
  readonly runStreams = new Map<string, SeenStream<TenantRuns>>();
  readonly tenantStreams = new Map<string, SeenStream<TenantState>>();
  /** When each tenant's tables were last made, and its old ones last deleted: oracle's time, Unix milliseconds. */
  readonly tablesMadeAt = new Map<string, number>();
  readonly deadLetters: { topic: string; origin: string; value: Uint8Array | null }[] = [];
  readonly records: BusRecord[] = [];
  /** Events counted in both logs. */
  counted = 0;
  /** Covers every record in order: two seeds that differ anywhere differ here. */
  checksum = 0;
  readonly #deps: OracleDeps;
  readonly #logs = { "run.events": new CountedLog(), "tenant.events": new CountedLog() };
  readonly #leases: LeaseRule;
  readonly #ends = new Map<string, number>();
  /** Who appended which bytes to an event log. */
  readonly #appenders = new Map<string, Set<string>>();

  constructor(deps: OracleDeps) {
    this.#deps = deps;
    this.runs = new SeenRuns((what) => deps.violation(what));
    this.planned = new SeenPlanned((what) => deps.violation(what));
    this.keys = new SeenKeys(deps);
    this.#leases = new LeaseRule(deps);
  }

  /** Takes note of who appends what, before it is stored. */
  appended(records: readonly { topic: string; value: Uint8Array | null }[], member: string): void {
    for (const { topic, value } of records) {
      if (value === null || (topic !== "run.events" && topic !== "tenant.events")) continue;
      const key = Buffer.from(value).toString("latin1");
      const by = this.#appenders.get(key) ?? new Set();
      this.#appenders.set(key, by.add(member));
    }
  }

  /** The end of a partition, as seen. */
  end(topic: string, partition: number): number {
    return this.#ends.get(`${topic}/${partition}`) ?? 0;
  }

  see(record: BusRecord): void {
    const { topic, partition, offset, value, key } = record;
    this.records.push(record);
    this.#ends.set(`${topic}/${partition}`, offset + 1);
    this.checksum = crc32(`${topic}/${partition}/${offset}/${key}/${record.time}`, this.checksum);
    if (value !== null) this.checksum = crc32(value, this.checksum);
    if (topic.endsWith(".dlq")) {
      const { "dlq-origin-topic": from, "dlq-origin-partition": p, "dlq-origin-offset": o } = record.headers;
      this.deadLetters.push({ topic, origin: `${from}/${p}/${o}`, value });
      return;
    }
    if (value === null) return;
    const message = readable(value);
    if (message !== undefined) this.#message(record, message);
  }

  #message(record: BusRecord, message: Message): void {
    const { topic } = record;
    switch (topic) {
      case "tenant.commands":
      case "run.commands":
        if ("meta" in message && "command_id" in message.meta) {
          const { command_id, tenant_id } = message.meta;
          if (this.commands.has(command_id)) break;
          this.commands.set(command_id, { type: message.type, topic, tenantId: tenant_id, outcomes: [] });
        }
        break;
      case "run.events":
      case "tenant.events":
        this.#event(topic, record, message);
        break;
      case "step.results":
        this.#leases.result(record, message);
        break;
      case "api-keys":
        this.keys.announced(message);
        break;
      case "run.snapshots":
        if (message.type === "TenantRunsSnapshot") {
          checkRunsSnapshot(message, this.runStreams.get(message.tenant_id), this.#deps.violation);
        }
        break;
      case "tenants":
        if (message.type === "TenantSnapshot") {
          checkTenantSnapshot(message, this.tenantStreams.get(message.tenant_id), this.#deps.violation);
        }
        break;
    }
  }

  #event(topic: "run.events" | "tenant.events", record: BusRecord, message: Message): void {
    if (!isLogged(message)) return;
    const log = this.#logs[topic];
    const verdict = log.read(record.partition, record.offset, message);
    if (verdict === "gap") {
      this.#deps.violation(
        `${topic}/${record.partition}/${record.offset}: an event is missing before this one`,
      );
    }
    if (message.type !== "Claimed") this.#deps.note(`${topic} ${verdict} ${told(message)}`);
    else this.#deps.note(`${topic} ${verdict} by ${message.writer}`);
    if (verdict !== "counted") return;
    this.counted++;
    this.#checkAppender(topic, record, log.writer(record.partition));
    if (isRunEvent(topic, message))
      this.#runEvent(message, log.writer(record.partition) ?? "", record.partition);
    else if (isTenantEvent(topic, message)) this.#tenantEvent(message);
    if ("command_id" in message && message.command_id !== null && !isPlanned(message))
      this.#outcome(message.command_id, message.type);
  }

  /** What counts was appended by the owner whose claim counts. */
  #checkAppender(topic: string, { value, partition, offset }: BusRecord, writer: string | undefined): void {
    const by = this.#appenders.get(Buffer.from(value ?? []).toString("latin1"));
    if (writer !== undefined && by?.has(writer) !== true) {
      this.#deps.violation(
        `${topic}/${partition}/${offset} counts under the claim of ${writer}, but came from ${[...(by ?? [])]}`,
      );
    }
  }

  #outcome(commandId: string, type: string): void {
    const command = this.commands.get(commandId);
    if (command === undefined) {
      this.#deps.violation(`${type} is the outcome of command ${commandId}, which nobody sent`);
      return;
    }
    command.outcomes.push(type);
    if (command.outcomes.length > 1) {
      this.#deps.violation(`${command.type} ${commandId} has outcomes ${command.outcomes.join(", ")}`);
    }
  }

  #runEvent(event: RunEvent, writer: string, partition: number): void {
    this.#checkCancelled(event);
    if (event.type === "StepReissued") this.#leases.reissued(event, writer, partition);
    fold(this.runStreams, event, noRuns, evolveRuns);
    this.runs.fold(event, this.#deps.now());
    this.planned.fold(event);
  }

  /** Runs are only cancelled where that was asked for, or to make way for a tenant's recreation until it goes on. */
  #checkCancelled(event: RunEvent): void {
    if (event.type !== "RunFinished" || event.status !== "CANCELLED") return;
    const tenant = this.tenantStreams.get(event.meta.tenant_id)?.states.at(-1);
    if (tenant?.onboarding?.phase === "CLEAR" || this.runs.byId.get(event.run.run_id)?.toCancel) return;
    const { backfill } = event.run;
    if (backfill !== null && this.planned.isCancelled(backfill.backfill_id)) return;
    this.#deps.violation(
      `run ${event.run.run_id} is cancelled while its tenant is ${tenant?.onboarding?.phase}`,
    );
  }

  #tenantEvent(event: TenantEvent): void {
    fold(this.tenantStreams, event, null, evolveTenant);
    this.keys.fold(event);
    const { tenant_id } = event.meta;
    if (event.type === "OnboardingAccepted") this.tablesMadeAt.set(tenant_id, Number.POSITIVE_INFINITY);
    if (event.type === "TablesProvisioned") this.tablesMadeAt.set(tenant_id, this.#deps.now());
  }
}

function fold<S, E extends { meta: EventMeta }>(
  streams: Map<string, SeenStream<S>>,
  event: E,
  initial: S,
  evolve: (state: S, event: E) => S,
): void {
  const { tenant_id, cause } = event.meta;
  const stream = streams.get(tenant_id) ?? { states: [initial], inputs: [{}] };
  streams.set(tenant_id, stream);
  stream.states.push(evolve(stream.states.at(-1) ?? initial, event));
  const before = stream.inputs.at(-1) ?? {};
  stream.inputs.push(cause === null ? before : { ...before, [cause.topic]: cause.offset });
}

type Logged = Claimed | RunEvent | TenantEvent;

function isLogged(message: Message): message is Logged {
  return message.type === "Claimed" || ("meta" in message && "epoch" in message.meta);
}

function isRunEvent(topic: string, message: Logged): message is RunEvent {
  return topic === "run.events" && message.type !== "Claimed";
}

function isTenantEvent(topic: string, message: Logged): message is TenantEvent {
  return topic === "tenant.events" && message.type !== "Claimed";
}

/** True for the outcome of what no command asked for at its time. */
function isPlanned(message: Logged): boolean {
  if (message.type === "RunAccepted") return message.run.slot !== null || message.run.backfill !== null;
  return message.type === "RunRejected" && (message.slot !== null || message.backfill !== null);
}

/** One event on one line. */
function told(message: RunEvent | TenantEvent): string {
  const { tenant_id, version } = message.meta;
  const parts = [`${tenant_id}@${version}`, message.type];
  if ("step" in message) parts.push(`${message.step.run_id.slice(0, 8)}/${message.step.index}`);
  if ("run" in message) parts.push(message.run.run_id.slice(0, 8));
  if ("attempt" in message) parts.push(`attempt ${message.attempt}`);
  if ("try" in message) parts.push(`try ${message.try}`);
  if ("status" in message) parts.push(String(message.status));
  if ("runner" in message) parts.push(String(message.runner));
  if ("key_id" in message) parts.push(`key ${message.key_id.slice(0, 8)}`);
  if ("command_id" in message) parts.push(`command ${message.command_id?.slice(0, 8) ?? "none"}`);
  if ("reason" in message) parts.push(message.reason);
  return parts.join(" ");
}
