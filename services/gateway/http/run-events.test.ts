import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { encode, type SubmitRun } from "@convergence/contracts";
import { type Clock, systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { STREAMS_PER_KEY, STREAMS_PER_TENANT } from "../events/streams.ts";
import { type EventReader, type ReadEvent, readEvents } from "../testing/event-stream.ts";
import { acceptance, completion } from "../testing/log-writer.ts";
import { memoryBus, openWorld, until, type World, type WorldOptions, withKey } from "../testing/world.ts";

const TENANT = "acme_1";
const STEPS = ["a", "b"];
/** Acceptance, start and end of two steps, end. */
const LAST = 6;

/** A clock that runs so many times faster than the machine's. */
function fastClock(times: number): Clock {
  const begun = systemClock.now();
  return {
    now: () => begun + (systemClock.now() - begun) * times,
    after: (ms, run) => systemClock.after(ms / times, run),
  };
}

function command(more: Partial<SubmitRun> = {}): SubmitRun {
  return {
    type: "SubmitRun",
    resume: null,
    tenant_version: 0,
    meta: { command_id: systemRandom.uuid(), tenant_id: TENANT, at: 1_000, sent_by: "t" },
    run_id: systemRandom.uuid(),
    provider: "gcp",
    domain: "cost",
    template: "x",
    parameters: "{}",
    trigger_by: "t",
    trigger_type: "api",
    idempotency: null,
    ...more,
  };
}

type Fact = ReturnType<typeof completion>[number];

interface Scene {
  world: World;
  key: string;
  /** An accepted run, at version 1. */
  run: SubmitRun;
  /** Its further events: versions 2 to LAST. */
  further: Fact[];
  append(facts: Fact[]): Promise<void>;
  follow(lastEventId?: number, key?: string): Promise<EventReader>;
  shown(version: number): Promise<void>;
}

async function scene(t: TestContext, options: WorldOptions = {}): Promise<Scene> {
  const world = await openWorld(t, options);
  const key = await world.addKey(TENANT, { keyId: "key-1" });
  const run = command();
  await world.events.append(TENANT, [acceptance(run, STEPS, 5_000)]);
  return { ...sceneOf(world, key, run), world };
}

function sceneOf(world: World, key: string, run: SubmitRun): Scene {
  const url = eventsUrl(world, run.run_id);
  const follow = (lastEventId?: number, as = key) =>
    readEvents(url, {
      "X-API-Key": as,
      ...(lastEventId === undefined ? {} : { "Last-Event-ID": String(lastEventId) }),
    });
  return {
    world,
    key,
    run,
    further: completion(run, STEPS, 5_000),
    append: (facts) => world.events.append(TENANT, facts),
    follow,
    async shown(version) {
      await until(async () => {
        const reader = await follow();
        const first = await reader.next();
        reader.leave();
        return first?.id === version;
      }, `version ${version} is shown`);
    },
  };
}

function eventsUrl({ server }: World, runId: string): string {
  return `http://127.0.0.1:${server.port}/api/v1/pipelines/runs/${runId}/events`;
}

const openStreams = async (world: World) =>
  Number(/^convergence_gateway_event_streams (\d+)$/m.exec(await world.metricsText())?.[1]);

const ids = (events: ReadEvent[]) => events.map(({ id }) => id);

test("a run is followed from a snapshot to its end, an event a version", async (t) => {
  const { world, key, run, further, append, follow, shown } = await scene(t);
  await shown(1);
  const reader = await follow();
  assert.equal(reader.status, 200);
  assert.equal(reader.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.equal(reader.headers.get("cache-control"), "no-store");
  const first = await reader.next();
  assert.deepEqual([first?.event, first?.id], ["snapshot", 1]);
  const shownRun = await world.ask(`/api/v1/pipelines/runs/${run.run_id}`, withKey(key));
  assert.deepEqual(first?.data, { version: 1, ...shownRun.body });
  await append(further);
  const events = await reader.rest();
  assert.deepEqual(
    events.map(({ id, event, data }) => [
      id,
      event,
      data.version,
      data.step_name,
      data.run_status,
      data.status,
    ]),
    [
      [2, "step", 2, "a", "RUNNING", "RUNNING"],
      [3, "step", 3, "a", "RUNNING", "COMPLETE"],
      [4, "step", 4, "b", "RUNNING", "RUNNING"],
      [5, "step", 5, "b", "RUNNING", "COMPLETE"],
      [6, "run", 6, undefined, undefined, "COMPLETE"],
    ],
  );
  assert.equal(events[1]?.data.rows_processed, 7);
  assert.deepEqual(events[4]?.data, {
    version: 6,
    status: "COMPLETE",
    start_time: "1970-01-01T00:00:05.000Z",
    end_time: "1970-01-01T00:00:05.020Z",
    duration_ms: 20,
    error_message: null,
  });
  await until(async () => (await openStreams(world)) === 0, "no stream is open");
});

test("whoever comes back with Last-Event-ID gets each later event once, wherever it was cut off", async (t) => {
  const { further, append, follow, shown } = await scene(t);
  await shown(1);
  for (const [i, fact] of further.entries()) {
    const before = await follow(i + 1);
    await append([fact]);
    assert.equal((await before.next())?.id, i + 2);
    before.leave();
  }
  for (let after = 0; after < LAST; after++) {
    const events = await (await follow(after)).rest();
    assert.deepEqual(
      ids(events),
      [1, 2, 3, 4, 5, 6].filter((id) => id > after),
    );
    assert.ok(events.every(({ event }) => event !== "snapshot"));
  }
  const all = await follow(LAST);
  assert.equal(all.status, 204);
  assert.deepEqual(ids(await (await follow()).rest()), [LAST]);
});

test("a version that is not kept any more is followed by a snapshot, and then by what is new", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "gateway-"));
  t.after(() => rm(folder, { recursive: true }));
  const bus = memoryBus();
  t.after(() => bus.close());
  const database = path.join(folder, "views");
  const first = await scene(t, { bus, database });
  await first.append(first.further.slice(0, 2));
  await first.shown(3);
  await first.world.close();

  const again = sceneOf(await openWorld(t, { bus, database }), first.key, first.run);
  const reader = await again.follow(1);
  const snapshot = await reader.next();
  assert.deepEqual([snapshot?.event, snapshot?.id, snapshot?.data.status], ["snapshot", 3, "RUNNING"]);
  // The log goes on under the claim of its first writer.
  await first.append(first.further.slice(2));
  assert.deepEqual(ids(await reader.rest()), [4, 5, 6]);
});

test("a run that is refused after its asking was shown ends the stream", async (t) => {
  const { world, key } = await scene(t);
  const asked = command();
  await world.bus.append([{ topic: "run.commands", key: TENANT, value: encode(asked) }]);
  const { follow, shown } = sceneOf(world, key, asked);
  await shown(0);
  const reader = await follow();
  assert.equal((await reader.next())?.data.status, "PENDING");
  await world.events.append(TENANT, [
    {
      type: "RunRejected",
      slot: null,
      backfill: null,
      command_id: asked.meta.command_id,
      run_id: asked.run_id,
      status: 404,
      reason: "template-not-found",
      detail: "There is no such template.",
      problems: [],
    },
  ]);
  const [refused, ...more] = await reader.rest();
  assert.deepEqual(
    [refused?.id, refused?.event, refused?.data.status, refused?.data.error_message, more],
    [1, "run", "FAILED", "There is no such template.", []],
  );
  assert.equal((await follow(1)).status, 204);
});

test("only the tenant's own runs, with a key that may read, and a right Last-Event-ID", async (t) => {
  const { world, key, run, shown } = await scene(t);
  await shown(1);
  const other = await world.addKey("other_2");
  const runner = await world.addKey(TENANT, { scopes: ["run"] });
  const at = (id: string) => `/api/v1/pipelines/runs/${id}/events`;
  await until(
    async () => (await world.ask(at(run.run_id), withKey(runner))).status === 403,
    "the keys are known",
  );
  const foreign = await world.ask(at(run.run_id), withKey(other));
  const unknown = await world.ask(at(systemRandom.uuid()), withKey(key));
  const malformed = await world.ask(at("x"), withKey(key));
  for (const answer of [foreign, unknown, malformed]) {
    assert.deepEqual([answer.status, answer.body.type], [404, "/problems/run-not-found"]);
  }
  assert.equal((await world.ask(at(run.run_id))).status, 401);
  for (const id of ["x", "-1", "1.5", "9".repeat(20)]) {
    const answer = await world.ask(at(run.run_id), { headers: { "X-API-Key": key, "Last-Event-ID": id } });
    assert.equal(answer.status, 422, id);
    assert.match(answer.text, /Last-Event-ID/);
  }
  assert.equal(await openStreams(world), 0);
});

test("a revoked key's streams end within two seconds, another key's go on", async (t) => {
  const { world, further, append, follow, shown } = await scene(t);
  const second = await world.addKey(TENANT, { keyId: "key-2" });
  await shown(1);
  await until(async () => {
    const reader = await follow(undefined, second);
    reader.leave();
    return reader.status === 200;
  }, "the second key works");
  const [ending, going] = [await follow(), await follow(undefined, second)];
  assert.deepEqual([(await ending.next())?.id, (await going.next())?.id], [1, 1]);
  const revoked = performance.now();
  await world.revoke(TENANT, "key-1");
  assert.equal(await ending.next(), null);
  assert.ok(performance.now() - revoked < 2_000);
  assert.equal((await follow(1)).status, 401);
  await append(further);
  assert.equal((await going.rest()).length, LAST - 1);
});

test("a key that expires ends its streams", async (t) => {
  const { world, shown, follow } = await scene(t);
  await shown(1);
  const short = await world.addKey(TENANT, { expiresAt: Date.now() + 1_500 });
  await until(async () => {
    const reader = await follow(undefined, short);
    if (reader.status !== 200) return false;
    assert.equal((await reader.rest()).length, 1);
    return true;
  }, "the key works, then ends");
});

test("streams are bounded by key and by tenant, and those who leave make room", async (t) => {
  const { world, key, shown, follow } = await scene(t);
  await shown(1);
  const open: EventReader[] = [];
  for (let i = 0; i < STREAMS_PER_KEY; i++) open.push(await follow());
  assert.ok(open.every(({ status }) => status === 200));
  const refused = await follow();
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "5");
  open.pop()?.leave();
  await until(async () => (await openStreams(world)) === STREAMS_PER_KEY - 1, "one has left");
  open.push(await follow());
  assert.equal(open.at(-1)?.status, 200);

  for (let more = 1; open.length < STREAMS_PER_TENANT; more++) {
    const another = await world.addKey(TENANT, { keyId: `more-${more}` });
    await until(
      async () => (await world.ask("/api/v1/pipelines/runs", withKey(another))).status === 200,
      "it works",
    );
    for (let i = 0; i < STREAMS_PER_KEY; i++) open.push(await follow(undefined, another));
  }
  assert.ok(open.every(({ status }) => status === 200));
  const last = await world.addKey(TENANT, { keyId: "last" });
  await until(
    async () => (await world.ask("/api/v1/pipelines/runs", withKey(last))).status === 200,
    "it works",
  );
  assert.equal((await follow(undefined, last)).status, 429);

  for (const reader of open) reader.leave();
  await until(async () => (await openStreams(world)) === 0, "all have left");
  assert.equal((await follow(undefined, key)).status, 200);
});

test("a comment keeps a silent stream alive", async (t) => {
  const { shown, follow } = await scene(t, { clock: fastClock(50) });
  await shown(1);
  const reader = await follow();
  await reader.next();
  void reader.next().catch(() => {});
  await until(() => reader.comments() > 1, "two comments came");
  reader.leave();
});

test("closing ends the streams in order, and does not wait for them", async (t) => {
  const { world, shown, follow } = await scene(t);
  await shown(1);
  const reader = await follow();
  await reader.next();
  const begun = performance.now();
  await world.server.close();
  assert.ok(performance.now() - begun < 1_500, `${performance.now() - begun} ms`);
  assert.equal(await reader.next(), null);
});

/** Restarts of a step whose error is long: versions from 2 on. */
function restarts(run: SubmitRun, count: number, text: string): Fact[] {
  const [started] = completion(run, STEPS, 5_000);
  assert.ok(started?.type === "StepStarted");
  return Array.from({ length: count }, (_, i): Fact => {
    const { step } = started;
    return i % 2 === 0
      ? { ...started, run_version: i + 2, attempt: i + 1 }
      : {
          type: "StepFinished",
          step,
          run_version: i + 2,
          status: "FAILED",
          attempt: i,
          started_at: 5_000,
          finished_at: 5_001,
          rows_processed: null,
          bytes_processed: null,
          error_message: text,
          alert: false,
          metadata: null,
          runner: "r",
        };
  });
}

test("a reader that takes nothing is dropped, and nobody waits for it", async (t) => {
  const { world, key, run, append, shown } = await scene(t, { clock: fastClock(20) });
  await shown(1);
  const socket = connect(world.server.port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.pause();
  socket.write(
    `GET ${new URL(eventsUrl(world, run.run_id)).pathname} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${key}\r\n\r\n`,
  );
  await until(async () => (await openStreams(world)) === 1, "it is open");
  const facts = restarts(run, 400, "x".repeat(50_000));
  for (let i = 0; i < facts.length; i += 20) await append(facts.slice(i, i + 20));
  await shown(401);
  await until(async () => (await openStreams(world)) === 0, "it is dropped");
});

test("a slow reader gets every event all the same, as far back as they are kept", async (t) => {
  const { run, append, shown, follow } = await scene(t);
  await shown(1);
  const reader = await follow();
  await append(restarts(run, 400, "x".repeat(9_000)));
  await shown(401);
  for (let id = 1; id <= 401; id++) assert.equal((await reader.next())?.id, id);
  reader.leave();
});

test("a reader slower than that gets a snapshot in place of what it missed", async (t) => {
  const { run, append, shown, follow } = await scene(t);
  await shown(1);
  const reader = await follow();
  const facts = restarts(run, 600, "x".repeat(50_000));
  for (let i = 0; i < facts.length; i += 20) await append(facts.slice(i, i + 20));
  await shown(601);
  const read: ReadEvent[] = [];
  while (read.at(-1)?.id !== 601) {
    const event = await reader.next();
    assert.ok(event);
    assert.ok(event.id > (read.at(-1)?.id ?? 0), "no version twice");
    const follows = event.id === (read.at(-1)?.id ?? 0) + 1;
    assert.ok(follows || event.event === "snapshot", `${event.event} ${event.id}`);
    read.push(event);
  }
  assert.ok(read.length < 601);
  reader.leave();
});
