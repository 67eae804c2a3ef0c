import type { BusRecord } from "@convergence/bus/port.ts";
import type { Message, RunEventsMessage, TenantEventsMessage } from "@convergence/contracts";
import { CountedLog } from "../../simulation/oracle/counted-log.ts";
import { readable } from "../../simulation/oracle/readable.ts";
import { SeenRuns } from "../../simulation/oracle/runs.ts";

/** A record among the dead letters. */
export interface DeadLetter {
  /** topic/partition/offset of what could not be read. */
  origin: string;
  topic: string;
  value: string;
}

/** The logs as they count, folded from the beginning by the simulator's oracle: apart from what the services use. */
export interface ReadLog {
  runs: SeenRuns;
  /** Accepted runs of clients, by tenant and Idempotency-Key. */
  acceptedBy: Map<string, string[]>;
  /** What each command led to, by command id. */
  outcomes: Map<string, string[]>;
  commands: Set<string>;
  /** When each tenant's tables were last made, by the broker's clock. */
  tablesMadeAt: Map<string, number>;
  deadLetters: DeadLetter[];
}

type Logged = Extract<RunEventsMessage | TenantEventsMessage, { type: string }>;

/** Folds the collected records. `violation` hears of every rule that the logs themselves break. */
export function readLog(log: readonly BusRecord[], violation: (what: string) => void): ReadLog {
  const read: ReadLog = {
    runs: new SeenRuns(violation),
    acceptedBy: new Map(),
    outcomes: new Map(),
    commands: new Set(),
    tablesMadeAt: new Map(),
    deadLetters: [],
  };
  const counted = { "run.events": new CountedLog(), "tenant.events": new CountedLog() };
  for (const record of log) {
    const { topic } = record;
    if (topic.endsWith(".dlq")) read.deadLetters.push(deadLetter(record));
    const message = record.value === null ? undefined : readable(record.value);
    if (message === undefined) continue;
    if (topic === "run.commands" || topic === "tenant.commands") noteCommand(read, message);
    if (topic !== "run.events" && topic !== "tenant.events") continue;
    if (!isLogged(message)) continue;
    const verdict = counted[topic].read(record.partition, record.offset, message);
    if (verdict === "gap") violation(`${place(record)}: an event is missing before this one`);
    if (verdict === "counted") foldEvent(read, record, message);
  }
  return read;
}

export function place({
  topic,
  partition,
  offset,
}: Pick<BusRecord, "topic" | "partition" | "offset">): string {
  return `${topic}/${partition}/${offset}`;
}

/** Names a client's request: Idempotency-Keys are a tenant's own. */
export function requestOf(tenant: string, idempotencyKey: string): string {
  return `${tenant.toLowerCase()} ${idempotencyKey}`;
}

function deadLetter({ topic, headers, value }: BusRecord): DeadLetter {
  const {
    "dlq-origin-topic": from,
    "dlq-origin-partition": partition,
    "dlq-origin-offset": offset,
  } = headers;
  return { topic, origin: `${from}/${partition}/${offset}`, value: hex(value) };
}

export function hex(value: Uint8Array | null): string {
  return value === null ? "null" : Buffer.from(value).toString("hex");
}

function isLogged(message: Message): message is Logged {
  return message.type === "Claimed" || ("meta" in message && "epoch" in message.meta);
}

function noteCommand(read: ReadLog, message: Message): void {
  if ("meta" in message && "command_id" in message.meta) read.commands.add(message.meta.command_id);
}

function foldEvent(read: ReadLog, { time }: BusRecord, event: Logged): void {
  if (event.type === "Claimed") return;
  if ("command_id" in event && event.command_id !== null) push(read.outcomes, event.command_id, event.type);
  switch (event.type) {
    case "RunAccepted": {
      // "<route>|<key>": the client's own key is what follows the last bar.
      const key = event.idempotency?.key.split("|").at(-1);
      if (key !== undefined) push(read.acceptedBy, requestOf(event.meta.tenant_id, key), event.run.run_id);
      read.runs.fold(event, time);
      break;
    }
    case "RunCancelAccepted":
    case "RunCancelRejected":
    case "RunRejected":
    case "RunReleased":
    case "RunRepeated":
    case "OpenRunsCancelled":
    case "ScheduleSet":
    case "ScheduleTold":
    case "ScheduleDeleted":
    case "SlotsPassed":
    case "BackfillAccepted":
    case "BackfillCancelled":
    case "OrderRejected":
    case "StepStarted":
    case "StepReissued":
    case "StepFinished":
    case "RunFinished":
      read.runs.fold(event, time);
      break;
    case "OnboardingAccepted":
      read.tablesMadeAt.set(event.meta.tenant_id, Number.POSITIVE_INFINITY);
      break;
    case "TablesProvisioned":
      read.tablesMadeAt.set(event.meta.tenant_id, time);
      break;
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
