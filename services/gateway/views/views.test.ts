import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { openEmbeddedBus } from "@convergence/bus";
import { type SubmitRun, topicSpecs } from "@convergence/contracts";
import { systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { acceptance, completion, LogWriter } from "../testing/log-writer.ts";
import {
  hurriedClock,
  json,
  memoryBus,
  openWorld,
  quiet,
  until,
  type World,
  withKey,
} from "../testing/world.ts";

const RUNS = "/api/v1/pipelines/runs";

function command(runId: string, tenantId = "acme_1"): SubmitRun {
  return {
    type: "SubmitRun",
    resume: null,
    tenant_version: 0,
    meta: { command_id: systemRandom.uuid(), tenant_id: tenantId, at: 1, sent_by: "t" },
    run_id: runId,
    provider: "gcp",
    domain: "cost",
    template: "x",
    parameters: "{}",
    trigger_by: "t",
    trigger_type: "api",
    idempotency: null,
  };
}

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "gateway-"));
  t.after(() => rm(made, { recursive: true }));
  return made;
}

async function runIds(world: World, key: string): Promise<string[]> {
  const { status, body } = await world.ask(RUNS, withKey(key));
  assert.equal(status, 200);
  assert.ok(Array.isArray(body.runs));
  return body.runs.map((run: { pipeline_logging_id: string }) => run.pipeline_logging_id);
}

test("a restart on the same file goes on where it was, and reads nothing twice", async (t) => {
  const bus = memoryBus();
  t.after(() => bus.close());
  const database = path.join(await folder(t), "views");
  const first = await openWorld(t, { bus, database });
  const key = await first.addKey("acme_1");
  const [a, b, c] = [
    command(systemRandom.uuid()),
    command(systemRandom.uuid()),
    command(systemRandom.uuid()),
  ];
  const now = Date.now();
  await first.events.append("acme_1", [acceptance(a, ["s"], now), acceptance(b, ["s"], now + 1)]);
  await until(async () => (await first.ask(`${RUNS}/${b.run_id}`, withKey(key))).status === 200, "b is read");
  await first.close();

  await first.events.append("acme_1", [...completion(a, ["s"], now), acceptance(c, [], now + 2)]);
  const second = await openWorld(t, { bus, database });
  assert.deepEqual(await runIds(second, key), [c.run_id, b.run_id, a.run_id]);
  const run = await second.ask(`${RUNS}/${a.run_id}`, withKey(key));
  assert.equal(run.body.status, "COMPLETE");
  // What was folded before the restart comes again under the same versions: it does not count.
  assert.match(await second.metricsText(), /folded_records_total\{topic="run.events"\} [45]\n/);
  assert.doesNotMatch(await second.metricsText(), /log_gaps_total [1-9]/);
});

test("the view is rebuilt when the log is another one than it was made of", async (t) => {
  const database = path.join(await folder(t), "views");
  const first = await openWorld(t, { database });
  const key = await first.addKey("acme_1");
  const old = command(systemRandom.uuid());
  await first.events.append("acme_1", [acceptance(old, [], Date.now())]);
  await until(
    async () => (await first.ask(`${RUNS}/${old.run_id}`, withKey(key))).status === 200,
    "it is read",
  );
  await first.close();

  // Another log, which has grown past where the old one was.
  const bus = memoryBus();
  t.after(() => bus.close());
  const events = new LogWriter(bus);
  const runs = Array.from({ length: 5 }, () => command(systemRandom.uuid()));
  for (const [i, one] of runs.entries()) {
    await events.append("acme_1", [acceptance(one, [], Date.now() + i)]);
  }
  const second = await openWorld(t, { bus, database });
  assert.equal((await second.ask(RUNS, withKey(key))).status, 401, "keys of the old log are gone");
  const fresh = await second.addKey("acme_1");
  await until(async () => (await second.ask(RUNS, withKey(fresh))).status === 200, "the new key works");
  assert.deepEqual(await runIds(second, fresh), runs.map((one) => one.run_id).reverse());
  assert.equal((await second.ask(`${RUNS}/${old.run_id}`, withKey(fresh))).status, 404);
});

test("a log shorter than what was folded of it rebuilds the view", async (t) => {
  const database = path.join(await folder(t), "views");
  const first = await openWorld(t, { database });
  const key = await first.addKey("acme_1");
  const old = command(systemRandom.uuid());
  await first.events.append("acme_1", [acceptance(old, ["a", "b"], 1), ...completion(old, ["a", "b"], 1)]);
  await until(
    async () => (await first.ask(`${RUNS}/${old.run_id}`, withKey(key))).status === 200,
    "it is read",
  );
  await first.close();
  const second = await openWorld(t, { database });
  const fresh = await second.addKey("acme_1");
  await until(async () => (await second.ask(RUNS, withKey(fresh))).status === 200, "the new key works");
  assert.deepEqual(await runIds(second, fresh), []);
});

test("events of a deposed writer, and events seen twice, do not count", async (t) => {
  const world = await openWorld(t);
  const key = await world.addKey("acme_1");
  const partition = world.bus.partitionOf("run.events", "acme_1");
  const zombie = new LogWriter(world.bus);
  const [real, void1, twice] = [
    command(systemRandom.uuid()),
    command(systemRandom.uuid()),
    command(systemRandom.uuid()),
  ];
  await world.events.append("acme_1", [acceptance(real, ["s"], 1)]);
  // It claims without knowing the claim that counts: its events come to nothing.
  await zombie.append("acme_1", [acceptance(void1, [], 2)]);
  await world.events.claim(partition);
  await world.events.append("acme_1", [acceptance(twice, ["s"], 3)]);
  await until(
    async () => (await world.ask(`${RUNS}/${twice.run_id}`, withKey(key))).status === 200,
    "all is read",
  );
  assert.deepEqual(await runIds(world, key), [twice.run_id, real.run_id]);
});

test("a gap in a tenant's versions is counted for an alarm and folded no further", async (t) => {
  const world = await openWorld(t);
  const key = await world.addKey("acme_1");
  const [first, lost, after] = [
    command(systemRandom.uuid()),
    command(systemRandom.uuid()),
    command(systemRandom.uuid()),
  ];
  await world.events.append("acme_1", [acceptance(first, [], 1)]);
  const partition = world.bus.partitionOf("run.events", "acme_1");
  const elsewhere = new LogWriter({ ...silentBus(world), partitionOf: () => partition });
  await elsewhere.append("acme_1", [acceptance(first, [], 1), acceptance(lost, [], 2)]);
  const meta = { tenant_id: "acme_1", epoch: 0, version: 3, at: 1, cause: null };
  await world.events.raw("acme_1", [{ ...acceptance(after, [], 3), meta }]);
  await until(async () => /log_gaps_total 1\n/.test(await world.metricsText()), "the gap is counted");
  assert.equal((await world.ask(`${RUNS}/${after.run_id}`, withKey(key))).status, 404);
});

/** Takes appends and stores nothing. */
function silentBus({ bus }: World): World["bus"] {
  return {
    append: async (records) => records.map(() => 0),
    partitionOf: bus.partitionOf.bind(bus),
    partitions: bus.partitions.bind(bus),
    ends: bus.ends.bind(bus),
    mark: bus.mark.bind(bus),
    own: bus.own.bind(bus),
    view: bus.view.bind(bus),
    work: bus.work.bind(bus),
    dead: bus.dead.bind(bus),
    close: bus.close.bind(bus),
  };
}

test("a record that cannot be read is left out, counted and dead-lettered; the rest is read", async (t) => {
  const world = await openWorld(t);
  const key = await world.addKey("acme_1");
  const dead: string[] = [];
  await world.bus.view({ topics: ["run.events.dlq"], from: "low" }, (record) => dead.push(record.key));
  await world.bus.append([{ topic: "run.events", key: "acme_1", value: Buffer.from("not avro") }]);
  const one = command(systemRandom.uuid());
  await world.events.append("acme_1", [acceptance(one, [], 1)]);
  await until(
    async () => (await world.ask(`${RUNS}/${one.run_id}`, withKey(key))).status === 200,
    "the rest is read",
  );
  await until(() => dead.length > 0, "it is dead-lettered");
  assert.deepEqual(dead, ["acme_1"]);
  assert.match(await world.metricsText(), /unreadable_records_total\{topic="run.events"\} 1\n/);
});

test("a rejection that is read before its command leaves no PENDING run behind", async (t) => {
  const world = await openWorld(t);
  const key = await world.addKey("acme_1");
  const { encode } = await import("@convergence/contracts");
  const one = command(systemRandom.uuid());
  await world.events.append("acme_1", [
    {
      type: "RunRejected",
      slot: null,
      backfill: null,
      command_id: one.meta.command_id,
      run_id: one.run_id,
      status: 404,
      reason: "template-not-found",
      detail: "No such template.",
      problems: [],
    },
  ]);
  const path = `${RUNS}/${one.run_id}`;
  assert.equal((await world.ask(path, withKey(key))).status, 404, "nothing is known of it yet");
  await world.bus.append([{ topic: "run.commands", key: "acme_1", value: encode(one) }]);
  const answer = await world.ask(path, withKey(key));
  assert.deepEqual([answer.body.status, answer.body.error_message], ["FAILED", "No such template."]);
});

test("while the bus is silent a restarted gateway serves what it held, and refuses to change or to guess", async (t) => {
  let away = false;
  const bus = openEmbeddedBus({
    file: ":memory:",
    topics: topicSpecs(2),
    clock: systemClock,
    random: systemRandom,
    faults: { unreachable: () => away },
  });
  t.after(() => bus.close());
  const database = { views: new DatabaseSync(":memory:"), outbox: new DatabaseSync(":memory:") };
  const first = await openWorld(t, { bus, database });
  const key = await first.addKey("acme_1");
  const revokedId = systemRandom.uuid();
  const revoked = await first.addKey("acme_1", { keyId: revokedId });
  await first.revoke("acme_1", revokedId);
  const one = command(systemRandom.uuid());
  await first.events.append("acme_1", [acceptance(one, [], Date.now())]);
  await until(
    async () => (await first.ask(`${RUNS}/${one.run_id}`, withKey(key))).status === 200,
    "all is read",
  );
  await first.close();

  away = true;
  const second = await openWorld(t, { bus, database, clock: hurriedClock(50) });
  assert.deepEqual(await runIds(second, key), [one.run_id]);
  assert.equal((await second.ask(RUNS, withKey(revoked))).status, 401);
  const health = await second.ask("/health/ready");
  assert.deepEqual([health.status, health.body.status], [200, "degraded"]);
  const submit = await second.ask("/api/v1/pipelines/run/acme_1/gcp/cost/x", json({}, { "X-API-Key": key }));
  assert.deepEqual([submit.status, submit.body.type], [503, "/problems/log-unavailable"]);
  assert.ok(Number(submit.headers.get("retry-after")) > 0);
  const onboard = await second.ask("/api/v1/customers/onboard", json({ tenant_id: "new_one" }));
  assert.equal(onboard.status, 503);

  away = false;
  const fresh = await second.addKey("acme_1");
  away = true;
  assert.equal((await second.ask(RUNS, withKey(fresh))).status, 503, "an unknown key may be new: never 401");
  away = false;
  await until(async () => (await second.ask(RUNS, withKey(fresh))).status === 200, "the bus answers again");
  assert.equal((await second.ask("/health/ready")).body.status, "ok");
  assert.match(await second.metricsText(), /view_current\{view="gateway:api-keys"\} 1\n/);
});

test("until the keys are caught up every key is answered 503, never 401", async (t) => {
  let away = true;
  const bus = openEmbeddedBus({
    file: ":memory:",
    topics: topicSpecs(2),
    clock: systemClock,
    random: systemRandom,
    faults: { unreachable: () => away },
  });
  t.after(() => bus.close());
  const opening = openWorld(t, { bus, untilReady: false });
  const world = await opening;
  for (const key of ["nonsense", "acme_1_api_0123456789abcdef"]) {
    const answer = await world.ask(RUNS, withKey(key));
    assert.deepEqual([answer.status, answer.body.type], [503, "/problems/starting"]);
  }
  assert.equal((await world.ask("/health/ready")).status, 503);
  assert.equal((await world.ask("/health/live")).status, 200);
  away = false;
  await until(async () => (await world.ask("/health/ready")).status === 200, "it is ready");
  assert.equal((await world.ask(RUNS, withKey("nonsense"))).status, 401);
});

test("what cannot be stored for a while is stored afterwards, with all that came meanwhile", async (t) => {
  const bus = memoryBus();
  t.after(() => bus.close());
  const database = { views: new DatabaseSync(":memory:"), outbox: new DatabaseSync(":memory:") };
  const world = await openWorld(t, { bus, database });
  const key = await world.addKey("acme_1");
  await until(async () => (await world.ask(RUNS, withKey(key))).status === 200, "the key works");
  const [a, b] = [command(systemRandom.uuid()), command(systemRandom.uuid())];
  const stored = () => Number(database.views.prepare("SELECT count(*) AS n FROM runs").get()?.n);
  const failures = t.mock.method(quiet, "error");
  database.views.exec("PRAGMA query_only = 1");
  await world.events.append("acme_1", [acceptance(a, [], Date.now())]);
  await until(() => failures.mock.callCount() > 0, "storing fails");
  await world.events.append("acme_1", [acceptance(b, [], Date.now() + 1)]);
  assert.equal((await world.ask(`${RUNS}/${b.run_id}`, withKey(key))).status, 200, "it is shown from memory");
  assert.equal(stored(), 0);
  database.views.exec("PRAGMA query_only = 0");
  await until(() => stored() === 2, "both are stored");
  await world.close();
  const again = await openWorld(t, { bus, database });
  assert.deepEqual(await runIds(again, key), [b.run_id, a.run_id]);
});

test("runs that are over and older than the horizon are dropped; open ones stay", async (t) => {
  const world = await openWorld(t, { clock: hurriedClock(36_000) });
  const key = await world.addKey("acme_1");
  const [old, open, fresh] = [
    command(systemRandom.uuid()),
    command(systemRandom.uuid()),
    command(systemRandom.uuid()),
  ];
  const longAgo = Date.now() - 40 * 86_400_000;
  await world.events.append("acme_1", [
    acceptance(old, [], longAgo),
    ...completion(old, [], longAgo),
    acceptance(open, [], longAgo),
    acceptance(fresh, [], Date.now() - 60_000),
    ...completion(fresh, [], Date.now() - 60_000),
  ]);
  await until(
    async () => (await world.ask(`${RUNS}/${fresh.run_id}`, withKey(key))).status === 200,
    "all is read",
  );
  await until(async () => !(await runIds(world, key)).includes(old.run_id), "the old one is dropped");
  assert.deepEqual(await runIds(world, key), [fresh.run_id, open.run_id]);
});
