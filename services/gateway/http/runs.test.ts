import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { SubmitRun } from "@convergence/contracts";
import { acceptance, completion } from "../testing/log-writer.ts";
import {
  hurriedClock,
  json,
  openWorld,
  rawStatus,
  until,
  type World,
  type WorldOptions,
  withKey,
} from "../testing/world.ts";

const TEMPLATE = "gcp/cost/bill-sample-export-template";

async function worldWithKey(
  t: TestContext,
  options: WorldOptions = {},
): Promise<{
  world: World;
  key: string;
  run(body: unknown, headers?: object): ReturnType<World["ask"]>;
}> {
  const world = await openWorld(t, options);
  const key = await world.addKey("AcmeInc_23xv2");
  await until(
    async () => (await world.ask("/api/v1/pipelines/runs", withKey(key))).status === 200,
    "the key works",
  );
  return {
    world,
    key,
    run: (body, headers = {}) =>
      world.ask(
        `/api/v1/pipelines/run/AcmeInc_23xv2/${TEMPLATE}`,
        json(body, { "X-API-Key": key, ...headers }),
      ),
  };
}

test("a run is answered as the specification prints it, once its outcome is in the view", async (t) => {
  const { world, key, run } = await worldWithKey(t);
  const seen: SubmitRun[] = [];
  await world.onSubmit(async (command) => {
    seen.push(command);
    await world.events.append(command.meta.tenant_id, [acceptance(command, ["export"], 5_000)]);
  });
  const answer = await run({ date: "2025-11-15", trigger_by: "user@example.com" });
  assert.equal(answer.status, 200);
  const [command] = seen;
  assert.deepEqual(answer.body, {
    pipeline_logging_id: command?.run_id,
    pipeline_id: "acmeinc_23xv2-gcp-cost-bill-sample-export-template",
    status: "PENDING",
    message: "Templated pipeline triggered successfully",
    parameters: { date: "2025-11-15", trigger_by: "user@example.com" },
  });
  assert.equal(command?.parameters, '{"date":"2025-11-15"}');
  assert.equal(command?.trigger_by, "user@example.com");
  assert.equal(command?.meta.tenant_id, "acmeinc_23xv2");
  const read = await world.ask(`/api/v1/pipelines/runs/${command?.run_id}`, withKey(key));
  assert.equal(read.body.status, "PENDING");
});

test("trigger_by is api_user where the body says nothing", async (t) => {
  const { world, run } = await worldWithKey(t);
  const seen: SubmitRun[] = [];
  await world.onSubmit(async (command) => {
    seen.push(command);
    await world.events.append(command.meta.tenant_id, [acceptance(command, [], 5_000)]);
  });
  const answer = await run({});
  assert.deepEqual(answer.body.parameters, {});
  assert.equal(seen[0]?.trigger_by, "api_user");
});

test("a run is told with all printed fields and its steps; ?wait answers when it is over", async (t) => {
  const { world, key, run } = await worldWithKey(t);
  const commands: SubmitRun[] = [];
  await world.onSubmit(async (command) => {
    commands.push(command);
    await world.events.append(command.meta.tenant_id, [acceptance(command, ["a", "b"], 1_763_200_800_000)]);
  });
  const started = await run({ date: "2025-11-15", trigger_by: "user@example.com" });
  const [command] = commands;
  assert.ok(command);
  const waiting = world.ask(`/api/v1/pipelines/runs/${command.run_id}?wait=60`, withKey(key));
  await world.events.append("acmeinc_23xv2", completion(command, ["a", "b"], 1_763_200_800_000));
  const answer = await waiting;
  const step = (index: number, name: string) => ({
    step_name: name,
    step_type: "noop",
    step_index: index,
    status: "COMPLETE",
    start_time: `2025-11-15T10:00:00.0${index}0Z`,
    end_time: `2025-11-15T10:00:00.0${index}5Z`,
    duration_ms: 5,
    rows_processed: 7,
    bytes_processed: 70,
    attempt: 1,
    error_message: null,
  });
  assert.deepEqual(answer.body, {
    pipeline_logging_id: started.body.pipeline_logging_id,
    pipeline_id: started.body.pipeline_id,
    tenant_id: "AcmeInc_23xv2",
    status: "COMPLETE",
    trigger_type: "api",
    trigger_by: "user@example.com",
    start_time: "2025-11-15T10:00:00.000Z",
    end_time: "2025-11-15T10:00:00.020Z",
    duration_ms: 20,
    parameters: { date: "2025-11-15" },
    error_message: null,
    config_version: "c0ffee",
    steps: [
      { ...step(0, "a"), start_time: "2025-11-15T10:00:00.000Z", end_time: "2025-11-15T10:00:00.005Z" },
      { ...step(1, "b"), start_time: "2025-11-15T10:00:00.010Z", end_time: "2025-11-15T10:00:00.015Z" },
    ],
  });
  const steps = await world.ask(`/api/v1/pipelines/runs/${command.run_id}/steps`, withKey(key));
  assert.deepEqual(steps.body, { pipeline_logging_id: command.run_id, steps: answer.body.steps });
});

test("a refusal of pipeline-service is the client's problem, with each fault named", async (t) => {
  const { world, run } = await worldWithKey(t);
  await world.onSubmit((command) =>
    world.events.append(command.meta.tenant_id, [
      {
        type: "RunRejected",
        slot: null,
        backfill: null,
        command_id: command.meta.command_id,
        run_id: command.run_id,
        status: 422,
        reason: "invalid-parameters",
        detail: "Mend date.",
        problems: [{ field: "date", message: "not a date" }],
      },
    ]),
  );
  const answer = await run({ date: "yesterday-ish" });
  assert.equal(answer.status, 422);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
  assert.deepEqual(answer.body, {
    type: "/problems/invalid-parameters",
    title: "Unprocessable Entity",
    status: 422,
    detail: "Mend date.",
    request_id: answer.headers.get("x-request-id"),
    errors: [{ field: "date", message: "not a date" }],
  });
  const list = await world.ask("/api/v1/pipelines/runs", withKey(await world.addKey("AcmeInc_23xv2")));
  assert.deepEqual(list.body.runs ?? [], []);
});

test("a repeated Idempotency-Key gives the first run, with its status as it is now", async (t) => {
  const { world, run } = await worldWithKey(t);
  const commands: SubmitRun[] = [];
  await world.onSubmit(async (command) => {
    commands.push(command);
    const [first] = commands;
    if (first === undefined || first === command) {
      await world.events.append("acmeinc_23xv2", [acceptance(command, ["a"], 5_000)]);
      await world.events.append("acmeinc_23xv2", completion(command, ["a"], 5_000));
      return;
    }
    await world.events.append("acmeinc_23xv2", [
      {
        type: "RunRepeated",
        command_id: command.meta.command_id,
        run_id: command.run_id,
        first_run_id: first.run_id,
      },
    ]);
  });
  const first = await run({ date: "2025-11-15", n: 1 }, { "Idempotency-Key": "k1" });
  const again = await run({ n: 1, date: "2025-11-15" }, { "Idempotency-Key": "k1" });
  assert.deepEqual(again.body, { ...first.body, status: "COMPLETE" });
  assert.equal(commands[0]?.idempotency?.key, `run|${TEMPLATE}|k1`);
  assert.deepEqual(commands[0]?.idempotency, commands[1]?.idempotency, "the members' order does not matter");
  const malformed = await run({}, { "Idempotency-Key": "two words" });
  assert.equal(malformed.status, 400);
  assert.equal(malformed.body.type, "/problems/invalid-idempotency-key");
});

test("without an outcome in 2 s: PENDING without an Idempotency-Key, 503 with one", async (t) => {
  const { world, key, run } = await worldWithKey(t, { clock: hurriedClock(10) });
  const commands: SubmitRun[] = [];
  await world.onSubmit((command) => void commands.push(command));
  const [plain, idempotent] = await Promise.all([
    run({ date: "2025-11-15" }),
    run({}, { "Idempotency-Key": "k" }),
  ]);
  assert.equal(idempotent.status, 503);
  assert.ok(Number(idempotent.headers.get("retry-after")) > 0);
  assert.equal(plain.status, 200);
  assert.equal(plain.body.status, "PENDING");
  assert.equal(plain.body.pipeline_id, "AcmeInc_23xv2-gcp-cost-bill-sample-export-template");
  const path = `/api/v1/pipelines/runs/${plain.body.pipeline_logging_id}`;
  const pending = await world.ask(path, withKey(key));
  assert.equal(pending.body.status, "PENDING");
  const list = await world.ask("/api/v1/pipelines/runs", withKey(key));
  assert.equal(Array.isArray(list.body.runs) && list.body.runs.length, 1);
  const command = commands.find((one) => one.run_id === plain.body.pipeline_logging_id);
  assert.ok(command);
  const late = command.meta.at + 3_000;
  await world.events.append(
    "acmeinc_23xv2",
    [
      {
        type: "RunRejected",
        slot: null,
        backfill: null,
        command_id: command.meta.command_id,
        run_id: command.run_id,
        status: 404,
        reason: "template-not-found",
        detail: "There is no such template.",
        problems: [],
      },
    ],
    late,
  );
  const failed = await world.ask(`${path}?wait=5`, withKey(key));
  assert.equal(failed.body.status, "FAILED");
  assert.equal(failed.body.error_message, "There is no such template.");
  const after = await world.ask("/api/v1/pipelines/runs?status=FAILED", withKey(key));
  assert.equal(Array.isArray(after.body.runs) && after.body.runs.length, 1);
});

test("unknown and foreign runs are the same 404; a foreign path is 403", async (t) => {
  const { world, run } = await worldWithKey(t);
  await world.onSubmit((command) =>
    world.events.append(command.meta.tenant_id, [acceptance(command, [], 5_000)]),
  );
  const other = await world.addKey("techcorp");
  const { body } = await run({});
  const normal = (answer: { body: Record<string, unknown> }) => ({ ...answer.body, request_id: null });
  const foreign = await world.ask(`/api/v1/pipelines/runs/${body.pipeline_logging_id}`, withKey(other));
  const unknown = await world.ask(
    "/api/v1/pipelines/runs/550e8400-e29b-41d4-a716-446655440000",
    withKey(other),
  );
  const malformed = await world.ask("/api/v1/pipelines/runs/nonsense", withKey(other));
  assert.deepEqual([foreign.status, unknown.status, malformed.status], [404, 404, 404]);
  assert.deepEqual(normal(foreign), normal(unknown));
  assert.deepEqual(normal(malformed), normal(unknown));
  const path = await world.ask(
    `/api/v1/pipelines/run/AcmeInc_23xv2/${TEMPLATE}`,
    json({}, { "X-API-Key": other }),
  );
  assert.equal(path.status, 403);
  assert.equal(path.body.detail, "API key does not belong to tenant");
  const nowhere = await world.ask(
    `/api/v1/pipelines/run/no_such/${TEMPLATE}`,
    json({}, { "X-API-Key": other }),
  );
  assert.deepEqual(normal(nowhere), normal(path), "an unknown tenant's path looks like another tenant's");
});

test("runs are listed newest first, by page and filter", async (t) => {
  const { world, key, run } = await worldWithKey(t);
  let n = 0;
  await world.onSubmit(async (command) => {
    n += 1;
    const at = 1_763_200_800_000 + Math.floor(n / 2) * 1_000;
    await world.events.append("acmeinc_23xv2", [acceptance(command, ["a"], at)]);
    if (n > 3) await world.events.append("acmeinc_23xv2", completion(command, ["a"], at));
  });
  for (let i = 0; i < 5; i++) await run({ i });
  const other = await world.addKey("techcorp");
  const ids: unknown[] = [];
  const times: string[] = [];
  let path = "/api/v1/pipelines/runs?limit=2";
  for (let pages = 1; ; pages++) {
    const { body, status } = await world.ask(path, withKey(key));
    assert.equal(status, 200);
    assert.ok(Array.isArray(body.runs));
    for (const one of body.runs) {
      ids.push(one.pipeline_logging_id);
      times.push(one.start_time);
      assert.equal(one.steps, undefined);
    }
    if (body.next_cursor === null) {
      assert.equal(pages, 3);
      break;
    }
    path = `/api/v1/pipelines/runs?limit=2&cursor=${body.next_cursor}`;
  }
  assert.equal(new Set(ids).size, 5);
  assert.deepEqual(times, times.toSorted().reverse());
  const count = async (query: string, apiKey = key) => {
    const { body } = await world.ask(`/api/v1/pipelines/runs?${query}`, withKey(apiKey));
    return Array.isArray(body.runs) ? body.runs.length : body;
  };
  assert.equal(await count("status=COMPLETE"), 2);
  assert.equal(await count("status=PENDING"), 3);
  assert.equal(await count("pipeline_id=acmeinc_23xv2-gcp-cost-bill-sample-export-template"), 5);
  assert.equal(await count("pipeline_id=another"), 0);
  assert.equal(await count("from=2025-11-15T10:00:01Z"), 4);
  assert.equal(await count("from=2025-11-15T10:00:01Z&to=2025-11-15T11:00:02%2B01:00"), 2);
  assert.equal(await count("from=2025-11-16"), 0);
  await until(
    async () => (await count("", other)) === 0,
    "the other tenant's key works, and it sees nothing",
  );
  for (const bad of [
    "limit=0",
    "limit=201",
    "limit=x",
    "cursor=zzz",
    "status=DONE",
    "from=noon",
    "nonsense=1",
  ]) {
    const answer = await world.ask(`/api/v1/pipelines/runs?${bad}`, withKey(key));
    assert.equal(answer.status, 422, bad);
    assert.ok(Array.isArray(answer.body.errors), bad);
  }
});

test("wait is a whole number of seconds to 60; when it runs out the run is told as it stands", async (t) => {
  const { world, key, run } = await worldWithKey(t, { clock: hurriedClock(10) });
  await world.onSubmit((command) =>
    world.events.append(command.meta.tenant_id, [acceptance(command, ["a"], 5_000)]),
  );
  const { body } = await run({});
  const path = `/api/v1/pipelines/runs/${body.pipeline_logging_id}`;
  for (const bad of ["61", "-1", "x", "1.5", "999"]) {
    assert.equal((await world.ask(`${path}?wait=${bad}`, withKey(key))).status, 422, bad);
  }
  const answer = await world.ask(`${path}?wait=1`, withKey(key));
  assert.equal(answer.status, 200);
  assert.equal(answer.body.status, "PENDING");
});

test("bodies and paths that cannot be are refused with what to do, before any command", async (t) => {
  const { world, key, run } = await worldWithKey(t);
  let commands = 0;
  await world.onSubmit(() => {
    commands += 1;
  });
  const expect = async (asked: ReturnType<World["ask"]>, status: number, reason: string, field?: string) => {
    const answer = await asked;
    assert.deepEqual([answer.status, answer.body.type], [status, `/problems/${reason}`], answer.text);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
    if (field !== undefined)
      assert.match(JSON.stringify(answer.body.errors), new RegExp(`"field":"${field}"`));
  };
  const path = `/api/v1/pipelines/run/acmeinc_23xv2/${TEMPLATE}`;
  const headers = { "X-API-Key": key };
  await expect(run("{not json"), 400, "invalid-json");
  await expect(run("[1]"), 422, "invalid-request");
  await expect(run("null"), 422, "invalid-request");
  await expect(run('"text"'), 422, "invalid-request");
  await expect(run(`{"a":${"[".repeat(40)}${"]".repeat(40)}}`), 400, "body-too-deep");
  await expect(run(`{"a":"${"x".repeat(1_048_600)}"}`), 413, "body-too-large");
  await expect(run({ a: "x".repeat(1_000_000) }), 413, "body-too-large");
  for (const name of ["tenant_id", "provider", "domain", "template_name", "pipeline_id", "run_id"]) {
    await expect(run({ [name]: "x" }), 422, "invalid-request", name);
  }
  await expect(run('{"__proto__":{"x":1}}'), 422, "invalid-request", "__proto__");
  await expect(run('{"n":12345678901234567890}'), 422, "invalid-request", "n");
  await expect(run('{"n":1e999}'), 422, "invalid-request", "n");
  await expect(run({ trigger_by: 5 }), 422, "invalid-request", "trigger_by");
  await expect(run({ trigger_by: "x".repeat(300) }), 422, "invalid-request", "trigger_by");
  const send = (init: RequestInit) => world.ask(path, { method: "POST", ...init });
  await expect(send({ headers, body: "{}" }), 415, "json-required");
  await expect(
    send({ headers: { ...headers, "Content-Type": "text/plain" }, body: "{}" }),
    415,
    "json-required",
  );
  const asJson = { ...headers, "Content-Type": "application/json" };
  await expect(send({ headers: asJson, body: Uint8Array.of(0x22, 0xff, 0x22) }), 400, "invalid-json");
  await expect(
    send({ headers: { ...asJson, "Content-Encoding": "gzip" }, body: "{}" }),
    415,
    "unsupported-encoding",
  );
  await expect(
    send({ headers: { ...headers, "Content-Type": "application/json; charset=latin1" }, body: "{}" }),
    415,
    "unsupported-charset",
  );
  for (const odd of [
    "gcp/..%2f..%2fetc/x",
    "gcp/cost/a.yml",
    "gcp/cost/..%2fx",
    "g%00cp/cost/x",
    "gcp/c%0Aost/x",
  ]) {
    await expect(
      world.ask(`/api/v1/pipelines/run/acmeinc_23xv2/${odd}`, json({}, headers)),
      422,
      "invalid-request",
    );
  }
  await expect(
    world.ask("/api/v1/pipelines/run/acmeinc_23xv2/gcp/cost/%zz", json({}, headers)),
    400,
    "invalid-path",
  );
  await expect(world.ask("/api/v1/nothing", withKey(key)), 404, "no-such-route");
  const dots = await rawStatus(world, {
    method: "POST",
    path: "/api/v1/pipelines/run/acmeinc_23xv2/gcp/../x",
    headers: asJson,
  });
  assert.equal(dots, 422);
  const wrong = await world.ask(path, { method: "PUT", headers });
  assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "POST"]);
  assert.equal(commands, 0);
});
