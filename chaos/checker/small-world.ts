import type { BusRecord } from "@convergence/bus/port.ts";
import { type EventMeta, encode, type Message, type RunHead, type RunStatus } from "@convergence/contracts";
import { plannedStep } from "@convergence/run/testing.ts";
import type { Exchange, Submit, TemplateName } from "../history.ts";
import { TEMPLATES } from "../history.ts";
import type { Evidence, RunRow, ShownRun, StepRow } from "./evidence.ts";

/** Evidence of a small world in which all is well: one tenant, a run of each template, for tests to spoil. */
export interface SmallWorld extends Evidence {
  operations: Evidence["operations"][number][];
  log: BusRecord[];
  poison: Evidence["poison"][number][];
  views: { gateway: string; runs: ShownRun[] }[];
  warehouse: {
    tenant: string;
    runs: RunRow[];
    steps: StepRow[];
    effects: { run_id: string; step: string; n: number }[];
  }[];
  keys: Evidence["keys"][number][];
  outages: Evidence["outages"][number][];
  strikes: Evidence["strikes"][number][];
}

const TENANT = "Acme";
const AT = 1_700_000_000_000;
/** A run of each template, and a retry of the one that failed. */
type Example = TemplateName | "retry";
const EXAMPLES = ["noop", "append", "graph", "retry", "fail"] as const;
const templateOf = (example: Example): TemplateName => (example === "retry" ? "fail" : example);
const retryOf = (example: Example): string | null => (example === "retry" ? "run-fail" : null);

/** Steps of each run as they end: id, type, status. */
const STEPS: Record<
  Example,
  readonly (readonly [id: string, type: string, status: "COMPLETE" | "FAILED" | "SKIPPED"])[]
> = {
  noop: [["first", "noop", "COMPLETE"]],
  append: [
    ["first", "bigquery_query", "COMPLETE"],
    ["last", "bigquery_query", "COMPLETE"],
  ],
  fail: [
    ["first", "bigquery_query", "COMPLETE"],
    ["broken", "bigquery_query", "FAILED"],
    ["never", "bigquery_query", "SKIPPED"],
  ],
  graph: [["only", "bigquery_query", "COMPLETE"]],
  retry: [
    ["first", "bigquery_query", "SKIPPED"],
    ["broken", "bigquery_query", "FAILED"],
    ["never", "bigquery_query", "SKIPPED"],
  ],
};

/** Writes records of a topic's partition 0, one after another. */
export class Log {
  readonly records: BusRecord[] = [];
  #version = 0;

  put(topic: string, message: Message | Buffer, headers: Record<string, string> = {}): BusRecord {
    const offset = this.records.filter((record) => record.topic === topic).length;
    const value = Buffer.isBuffer(message) ? message : encode(message);
    const record = {
      topic,
      partition: 0,
      offset,
      key: "acme",
      value,
      headers,
      time: AT + this.records.length,
    };
    this.records.push(record);
    return record;
  }

  /** The next event's head; its epoch is the claim at offset 0. */
  meta(): EventMeta {
    this.#version += 1;
    return { tenant_id: "acme", epoch: 0, version: this.#version, at: AT, cause: null };
  }
}

export function smallWorld(): SmallWorld & { writer: Log } {
  const writer = new Log();
  writer.put("run.events", {
    type: "Claimed",
    nonce: "n",
    follows: -1,
    writer: "pipeline-service-1",
    at: AT,
  });
  const world: SmallWorld = {
    operations: [],
    log: writer.records,
    poison: [],
    views: [{ gateway: "gateway-1", runs: [] }],
    warehouse: [{ tenant: TENANT, runs: [], steps: [], effects: [] }],
    keys: [
      { gateway: "gateway-1", tenant: TENANT, keyId: "k1", inForce: true, status: 200 },
      { gateway: "gateway-1", tenant: TENANT, keyId: "k2", inForce: false, status: 401 },
    ],
    outages: [{ writes: [exchange(503, 1)], reads: [exchange(200)] }],
    strikes: [{ kind: "kill", what: "kill", at: AT, ms: 1, evidence: "" }],
    planned: { kill: 1 },
  };
  for (const example of EXAMPLES) addRun(world, writer, example);
  const asked = { tenant: TENANT, exchanges: [exchange(200)], answered: true };
  world.operations.push(
    { kind: "look", ...asked, runId: "run-noop", shownBefore: true, status: "COMPLETE" },
    { kind: "list", ...asked, runIds: ["run-noop", "run-fail"] },
    { kind: "cancel", ...asked, exchanges: [exchange(409)], runId: "run-append" },
    { kind: "revoke", ...asked, exchanges: [exchange(204)], keyId: "k2", afterwards: 401 },
  );
  const bad = writer.put("run.commands", Buffer.from("poison"));
  world.poison.push({
    topic: bad.topic,
    partition: 0,
    offset: bad.offset,
    value: Buffer.from("poison").toString("hex"),
  });
  writer.put("run.commands.dlq", Buffer.from("poison"), {
    "dlq-origin-topic": "run.commands",
    "dlq-origin-partition": "0",
    "dlq-origin-offset": String(bad.offset),
  });
  return { ...world, writer };
}

/** An answer, or none. */
export function exchange(status: number | null, retryAfter: number | null = null): Exchange {
  return { at: AT, ms: 5, gateway: "gateway-1#1", status, retryAfter, problem: null };
}

function addRun(world: SmallWorld, writer: Log, example: Example): void {
  const id = `run-${example}`;
  const submit: Submit = {
    kind: "submit",
    tenant: TENANT,
    template: templateOf(example),
    retryOf: retryOf(example),
    idempotencyKey: `key-${example}`,
    runIds: [id],
    exchanges: [exchange(null), exchange(200)],
    answered: true,
  };
  world.operations.push(submit);
  writeRun(writer, example, id);
  const shown = shownRun(example, id);
  world.views[0]?.runs.push(shown);
  world.warehouse[0]?.runs.push(runRow(example, id));
  STEPS[example].forEach((_, index) => {
    world.warehouse[0]?.steps.push(stepRow(example, id, index));
  });
  for (const [step, type, status] of STEPS[example]) {
    if (type === "bigquery_query" && status === "COMPLETE")
      world.warehouse[0]?.effects.push({ run_id: id, step, n: 1 });
  }
}

/** Writes a run's events, from its command to its end. */
export function writeRun(writer: Log, example: Example, id: string, end = endOf(example)): void {
  const run = head(example, id);
  const command = `command-${id}`;
  const idempotency = { key: `run|${TEMPLATES[templateOf(example)]}|key-${example}`, body_hash: "h" };
  writer.put("run.commands", {
    type: "SubmitRun",
    resume: null,
    tenant_version: 0,
    meta: { command_id: command, tenant_id: "acme", at: AT, sent_by: "gateway-1" },
    run_id: id,
    provider: run.provider,
    domain: run.domain,
    template: templateOf(example),
    parameters: "{}",
    trigger_by: "api_user",
    trigger_type: "api",
    idempotency,
  });
  writer.put("run.events", {
    type: "RunAccepted",
    meta: writer.meta(),
    command_id: command,
    idempotency,
    requested_at: AT,
    run,
    steps: STEPS[example].map(([step_id, step_type, status]) =>
      plannedStep(step_id, { step_type, done_by: status === "SKIPPED" ? retryOf(example) : null }),
    ),
    waits: false,
  });
  let version = 1;
  STEPS[example].forEach(([step_id, step_type, status], index) => {
    const step = { run_id: id, tenant_name: TENANT, index, step_id, step_type, run_accepted_at: AT };
    const common = { step, attempt: 1, started_at: AT + 1 };
    if (status !== "SKIPPED") {
      version += 1;
      writer.put("run.events", {
        type: "StepStarted",
        meta: writer.meta(),
        run_version: version,
        try: 1,
        runner: "r1",
        ...common,
      });
    }
    version += 1;
    writer.put("run.events", {
      type: "StepFinished",
      meta: writer.meta(),
      run_version: version,
      status,
      finished_at: AT + 2,
      rows_processed: null,
      bytes_processed: null,
      error_message: null,
      alert: false,
      metadata: null,
      runner: "r1",
      ...common,
    });
  });
  writeEnd(writer, example, id, { version: version + 1, status: end });
}

/** Writes a run's end, of this run version. */
export function writeEnd(
  writer: Log,
  example: Example,
  id: string,
  { version, status }: { version: number; status: RunStatus },
): void {
  writer.put("run.events", {
    type: "RunFinished",
    meta: writer.meta(),
    run: head(example, id),
    run_version: version,
    status,
    error_message: null,
    finished_at: AT + 3,
  });
}

function endOf(example: Example): RunStatus {
  return templateOf(example) === "fail" ? "FAILED" : "COMPLETE";
}

function head(example: Example, run_id: string): RunHead {
  const [provider = "", domain = ""] = TEMPLATES[templateOf(example)].split("/");
  return {
    run_id,
    tenant_name: TENANT,
    pipeline_id: `p-${templateOf(example)}`,
    provider,
    domain,
    template: templateOf(example),
    config_version: "c",
    trigger_type: "api",
    trigger_by: "api_user",
    parameters: "{}",
    run_date: null,
    timeout_ms: null,
    concurrency: null,
    slot: null,
    backfill: null,
    trace: null,
    accepted_at: AT,
  };
}

const common = (example: Example) => ({
  tenant_id: TENANT,
  pipeline_id: `p-${templateOf(example)}`,
  status: endOf(example),
  trigger_type: "api",
  error_message: null,
  config_version: "c",
});

function shownRun(example: Example, id: string): ShownRun {
  return {
    pipeline_logging_id: id,
    ...common(example),
    start_time: new Date(AT).toISOString(),
    end_time: new Date(AT + 3).toISOString(),
    steps: STEPS[example].map(([step_name, , status], step_index) => ({
      step_name,
      step_index,
      status,
      start_time: new Date(AT + 1).toISOString(),
      end_time: new Date(AT + 2).toISOString(),
      rows_processed: null,
      attempt: 1,
      error_message: null,
    })),
  };
}

function runRow(example: Example, id: string): RunRow {
  const started = STEPS[example].filter(([, , status]) => status !== "SKIPPED").length;
  return {
    pipeline_logging_id: id,
    ...common(example),
    start_ms: AT,
    end_ms: AT + 3,
    duration_ms: 3,
    worker_instance: "r1",
    run_version: 2 + started + STEPS[example].length,
  };
}

function stepRow(example: Example, id: string, index: number): StepRow {
  const [step_name = "", , status = "COMPLETE"] = STEPS[example][index] ?? [];
  const started = STEPS[example].slice(0, index + 1).filter(([, , one]) => one !== "SKIPPED").length;
  return {
    step_logging_id: `${id}-${index}`,
    pipeline_logging_id: id,
    step_name,
    step_index: index,
    status,
    start_ms: AT + 1,
    end_ms: AT + 2,
    rows_processed: null,
    attempt: 1,
    error_message: null,
    step_version: 2 + index + started,
  };
}
