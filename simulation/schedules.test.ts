import assert from "node:assert/strict";
import { test } from "node:test";
import { openEmbeddedBus } from "@convergence/bus";
import type { Bus } from "@convergence/bus/port.ts";
import { decodeAs, encode, RUN_EVENTS_TYPES, type Schedule, topicSpecs } from "@convergence/contracts";
import { LogReader } from "@convergence/log";
import { parseTemplate, type Template } from "@convergence/pipeline";
import { Admitting } from "@convergence/pipeline-service/admission/admit.ts";
import { Tenants } from "@convergence/pipeline-service/admission/tenants.ts";
import { runModel } from "@convergence/pipeline-service/model.ts";
import { PlannedRuns } from "@convergence/pipeline-service/scheduling/planned-runs.ts";
import type { RunEvent } from "@convergence/run";
import type { Clock } from "@convergence/runtime/clock.ts";
import { NEW_TENANT } from "@convergence/tenant";
import { writeLog } from "@convergence/writer";
import { Prng } from "./world/prng.ts";
import { World } from "./world/world.ts";

const START = Date.UTC(2026, 0, 1);
const END = Date.UTC(2027, 0, 1);
const HALF_HOUR = 1_800_000;
const ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"];

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

function template(): Template {
  const text =
    "parameters: { date: { type: date, default: today } }\nsteps:\n  - { step_id: only, type: noop, description: '{date}' }\n";
  const parsed = parseTemplate(text, "configs/gcp/cost/t.yml", {
    provider: "gcp",
    domain: "cost",
    name: "t",
  });
  assert.ok("template" in parsed);
  return parsed.template;
}

const schedule = (name: string, timezone: string, catch_up: string): Schedule => ({
  ...{ name, provider: "gcp", domain: "cost", template: "t", parameters: "{}", enabled: true },
  ...{ cron: "30 2 * * *", timezone, catch_up, catch_up_max: 100 },
});

/** The real model, writer and planned runs of one instance, which can be killed. */
async function startInstance(bus: Bus, clock: Clock, instance: string) {
  const found = template();
  const deps = {
    ...{ bus, clock, instance, log: quiet, random: new Prng(instance), project: "p" },
    catalogue: { find: () => found, faultsOf: () => [] },
  };
  const tenants = new Tenants(() => undefined);
  await tenants.start(bus);
  const planned = new PlannedRuns(deps, new Admitting(tenants, deps));
  planned.start();
  const acts = {
    gained: (lane: Parameters<PlannedRuns["gained"]>[0]) => {
      for (const [tenantId, { state }] of lane.streams) planned.gained(lane, tenantId, state);
    },
    folded: (
      lane: Parameters<PlannedRuns["gained"]>[0],
      event: RunEvent,
      { state }: { state: Parameters<PlannedRuns["gained"]>[2] },
    ) => planned.folded(lane, event, state),
    waiting: (lane: Parameters<PlannedRuns["gained"]>[0], tenantId: string) => lane.release(tenantId),
    lost: (partition: number) => planned.forget(partition),
  };
  await writeLog(runModel(tenants, deps), acts, { ...deps, snapshotMs: 60_000, claimMs: 86_400_000 });
  return planned;
}

test("in a year of two instances that are killed and whose clocks differ, each slot is done with once", async () => {
  const world = new World(START);
  const random = new Prng("a year of schedules");
  let leapt = 0;
  const clockAt = (skew: number): Clock => ({
    now: () => world.now() + leapt + skew,
    after: (ms, run) => world.after(ms, run),
  });
  const bus = openEmbeddedBus({
    ...{ file: ":memory:", topics: topicSpecs(1), clock: clockAt(0), random: new Prng("bus") },
    ...{ synchronous: "normal", defer: world.defer, limits: { sessionTimeoutMs: 500 } },
  });
  const pass = (ms: number) => world.run(world.now() + ms);
  const events: RunEvent[] = [];
  const reader = new LogReader();
  void bus.as("watch").view({ topics: ["run.events"], from: "low" }, (record) => {
    const entry = decodeAs(record.value, RUN_EVENTS_TYPES);
    if (reader.read(record.offset, entry) === "counted" && entry.type !== "Claimed") events.push(entry);
  });
  const snapshot = encode({
    ...NEW_TENANT,
    ...{ type: "TenantSnapshot", tenant_id: "acme", tenant_name: "Acme", version: 1, inputs: [] },
    ...{ recent_commands: [], lifecycle: "ACTIVE", tier: "ENTERPRISE", created_at: 1, updated_at: 2 },
  });
  void bus.append([{ topic: "tenants", key: "acme", value: snapshot }]);
  const wanted = [
    ...ZONES.map((zone) => schedule(`all-${ZONES.indexOf(zone)}`, zone, "all")),
    schedule("last", "Europe/Berlin", "last"),
    schedule("none", "Europe/Berlin", "none"),
  ];
  for (const one of wanted) {
    const meta = { command_id: `put-${one.name}`, tenant_id: "acme", at: START, sent_by: "test" };
    const value = encode({ type: "PutSchedule", meta, schedule: one });
    void bus.append([{ topic: "run.commands", key: "acme", value }]);
  }
  const running = new Map<string, Promise<PlannedRuns>>();
  const skews = new Map([
    ["w1", 20_000],
    ["w2", -20_000],
  ]);
  const start = (name: string) => {
    const face = bus.as(name);
    running.set(name, startInstance(face, clockAt(skews.get(name) ?? 0), name));
  };
  const kill = async (name: string) => {
    bus.dropMember(name);
    (await running.get(name))?.stop();
    running.delete(name);
  };
  for (const name of skews.keys()) start(name);
  await pass(5_000);
  let kills = 0;
  for (let at = START + HALF_HOUR; at <= END + HALF_HOUR; at += HALF_HOUR) {
    leapt = Math.max(leapt, at - 1_000 - world.now());
    if (running.size === 2 && random.chance(0.03)) {
      await kill(random.pick([...running.keys()]));
      kills += 1;
      if (random.chance(0.2)) for (const name of running.keys()) await kill(name);
    }
    if (at === END || random.chance(running.size === 0 ? 0.01 : 0.1)) {
      for (const name of skews.keys()) if (!running.has(name)) start(name);
    }
    await pass(2_500);
  }
  assert.ok(kills > 50, `${kills} kills`);
  const slots = (name: string) =>
    events.flatMap((event) =>
      event.type === "RunAccepted" && event.run.slot?.schedule === name
        ? [{ at: event.run.slot.at, date: event.run.run_date ?? "" }]
        : [],
    );
  for (const [n, zone] of ZONES.entries()) {
    const fired = slots(`all-${n}`);
    const first = Date.parse(fired[0]?.date ?? "");
    const dates = fired.map((_, day) => new Date(first + day * 86_400_000).toISOString().slice(0, 10));
    assert.deepEqual(
      fired.map(({ date }) => date),
      dates,
      zone,
    );
    assert.ok(fired.length >= 364 && fired.length <= 366, `${zone}: ${fired.length}`);
  }
  for (const name of ["last", "none"]) {
    const fired = new Set(slots(name).map(({ at }) => at));
    assert.equal(fired.size, slots(name).length);
    const passed = events.filter((event) => event.type === "SlotsPassed" && event.schedule === name);
    assert.ok(passed.length > 0, `${name}: nothing was missed`);
    for (const { at } of slots("all-0")) {
      const over = passed.some((event) => event.type === "SlotsPassed" && event.from < at && at <= event.to);
      assert.ok(fired.has(at) !== over, `${name}: ${new Date(at).toISOString()}`);
    }
  }
});
