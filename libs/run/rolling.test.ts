import assert from "node:assert/strict";
import { test } from "node:test";
import { type Message, UnreadableRecord } from "@convergence/contracts";
import { codecOf } from "@convergence/contracts/codec.ts";
import { historyOf } from "@convergence/contracts/generate.ts";
import { type NamedSchema, readHistory, readSchemas } from "@convergence/contracts/schemas.ts";
import {
  decideClaimed,
  decideReported,
  decideSubmit,
  evolve,
  noRuns,
  type RunEvent,
  type RunFact,
  restoreRuns,
  storeRuns,
  type TenantRuns,
} from "./index.ts";
import { claimed, NOW, plan, reported, submit } from "./testing.ts";

// Two releases side by side. The next one adds fields with defaults, nested ones too; this one has its schemas in
// history (schemas/next), as the rule asks.
type Field = NonNullable<NamedSchema["fields"]>[number];
const next = new Map(readSchemas());
add("EventMeta", { name: "region", type: ["null", "string"], default: null });
add("RunHead", { name: "priority", type: "int", default: 5 });
add("OpenStep", { name: "weight", type: "int", default: 1 });
const coming = historyOf(next).map(({ name, text }) => ({ name, schema: schemaOf(text) }));

const newer = codecOf(next, readHistory());
const present = codecOf(readSchemas(), [...readHistory(), ...coming]);
const unprepared = codecOf(readSchemas(), readHistory());

function add(name: string, field: Field): void {
  const schema = next.get(name);
  assert.ok(schema?.fields !== undefined);
  next.set(name, { ...schema, fields: [...schema.fields, field] });
}

function schemaOf(text: string): NamedSchema {
  return JSON.parse(text);
}

/** A run of two steps whose first is over, as events of the log. */
function eventsOfARun(): RunEvent[] {
  let state: TenantRuns = noRuns;
  const events: RunEvent[] = [];
  const happened = (facts: RunFact[]) => {
    for (const fact of facts) {
      const meta = { tenant_id: "acme", epoch: 1, version: events.length + 1, at: NOW, cause: null };
      events.push({ ...fact, meta });
      state = evolve(state, fact);
    }
  };
  const trace = { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: null };
  const command = submit({ idempotency: { key: "k", body_hash: "b" } });
  happened(decideSubmit(state, command, NOW, plan("r1", ["stop", "stop"]), trace));
  happened(decideClaimed(state, { ...claimed(0), at: NOW }, NOW));
  happened(decideReported(state, reported(0), NOW));
  return events;
}

/** As the next release writes it. */
function asNewer<E extends RunEvent>(event: E): E {
  const written = { ...event, meta: { ...event.meta, region: "eu" } };
  return "run" in written ? { ...written, run: { ...written.run, priority: 9 } } : written;
}

function foldAll(messages: readonly Message[]): TenantRuns {
  return messages.reduce<TenantRuns>((state, message) => {
    const { type } = message;
    assert.ok(type === "RunAccepted" || type === "StepStarted" || type === "StepFinished");
    return evolve(state, message);
  }, noRuns);
}

/** As this release reads what it wrote itself. */
function stateOf(events: readonly RunEvent[]): TenantRuns {
  return foldAll(events.map((event) => present.decode(present.encode(event))));
}

test("this release folds the next one's events to the same state", () => {
  const events = eventsOfARun();
  assert.deepEqual(
    events.map(({ type }) => type),
    ["RunAccepted", "StepStarted", "StepFinished"],
  );
  const read = events.map((event) => present.decode(newer.encode(asNewer(event))));
  assert.deepEqual(storeRuns(foldAll(read)), storeRuns(stateOf(events)));
});

test("this release restores the next one's snapshot to the same state", () => {
  const state = stateOf(eventsOfARun());
  const snapshot = { type: "TenantRunsSnapshot" as const, tenant_id: "acme", version: 3 };
  const stored = { ...snapshot, inputs: [], recent_commands: ["c1"], ...storeRuns(state) };
  const heavier = stored.runs.map((run) => ({
    ...run,
    steps: run.steps.map((step) => ({ ...step, weight: 7 })),
  }));
  const read = present.decode(newer.encode({ ...stored, runs: heavier }));
  assert.ok(read.type === "TenantRunsSnapshot");
  assert.deepEqual(storeRuns(restoreRuns(read)), storeRuns(state));
});

test("the next release reads what this one writes, with the defaults of what is new", () => {
  const [accepted] = eventsOfARun();
  assert.ok(accepted?.type === "RunAccepted");
  const read = newer.decode(present.encode(accepted));
  assert.ok(read.type === "RunAccepted");
  assert.deepEqual({ ...read.meta }, { ...accepted.meta, region: null });
  assert.deepEqual(
    { ...read.run, trace: { ...read.run.trace } },
    { ...accepted.run, trace: { ...accepted.run.trace }, priority: 5 },
  );
});

test("a release that was not prepared for a schema says that it does not know it", () => {
  const [accepted] = eventsOfARun();
  assert.ok(accepted !== undefined);
  assert.throws(
    () => unprepared.decode(newer.encode(accepted)),
    (error) => error instanceof UnreadableRecord && /unknown schema/.test(error.message),
  );
});
