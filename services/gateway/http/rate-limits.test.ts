import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { systemClock } from "@convergence/runtime/clock.ts";
import { ADMIN_KEY, openWorld, until, type World, withKey } from "../testing/world.ts";

const RUNS = "/api/v1/pipelines/runs";
const CUSTOMER = "/api/v1/customers/acme";
const limits = { tenantPerSecond: 3, keyPerSecond: 2, burstSeconds: 2, failuresPerMinute: 5 };

/** A gateway whose clock is set by hand; timers run by the machine's. */
async function worldAt(t: TestContext, rateLimits = limits) {
  const time = { now: 1_763_200_000_000 };
  const clock = { now: () => time.now, after: systemClock.after };
  const world = await openWorld(t, { clock, rateLimits, openOnboarding: false });
  await world.addTenant("acme");
  return { world, time };
}

/** Puts a key in force without asking by it: that would count. */
async function keyOf(world: World, tenant = "acme"): Promise<string> {
  const key = await world.addKey(tenant);
  await until(() => {
    try {
      return world.gateway.authenticate(key).kind === "tenant";
    } catch {
      return false;
    }
  }, "the key is known");
  return key;
}

test("a key that asks too often is told when to come back, and its neighbours are not", async (t) => {
  const { world, time } = await worldAt(t);
  const key = await keyOf(world);
  const other = await keyOf(world, "techcorp");
  const first = await world.ask(RUNS, withKey(key));
  assert.equal(first.status, 200);
  assert.equal(first.headers.get("ratelimit-policy"), '"tenant";q=6;w=2, "key";q=4;w=2');
  assert.equal(first.headers.get("ratelimit"), '"tenant";r=5;t=1, "key";r=3;t=1');
  for (let i = 0; i < 3; i++) assert.equal((await world.ask(RUNS, withKey(key))).status, 200);
  const refused = await world.ask(RUNS, withKey(key));
  assert.deepEqual([refused.status, refused.body.type], [429, "/problems/rate-limited"]);
  assert.match(String(refused.body.detail), /This API key/);
  assert.equal(refused.headers.get("content-type"), "application/problem+json; charset=utf-8");
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal(refused.headers.get("ratelimit"), '"tenant";r=2;t=2, "key";r=0;t=2');
  assert.equal((await world.ask(RUNS, withKey(other))).status, 200);
  time.now += 500;
  assert.equal((await world.ask(RUNS, withKey(key))).status, 200);
  assert.equal((await world.ask(RUNS, withKey(key))).status, 429);
  assert.match(await world.metricsText(), /convergence_rate_limited_requests_total\{limit="key"\} 2/);
});

test("a tenant's keys share the tenant's limit; an operator has none", async (t) => {
  const { world } = await worldAt(t);
  const keys = [await keyOf(world), await keyOf(world)];
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) statuses.push((await world.ask(RUNS, withKey(keys[i % 2] ?? ""))).status);
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 200, 429, 429]);
  for (let i = 0; i < 20; i++) {
    const answer = await world.ask(CUSTOMER, { headers: { "X-Admin-Key": ADMIN_KEY } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("ratelimit"), null);
  }
});

test("wrong keys of an address are slowed down; a good API key lets in, an admin key is not tried", async (t) => {
  const { world, time } = await worldAt(t);
  const key = await keyOf(world);
  const admin = async (text: string) => await world.ask(CUSTOMER, { headers: { "X-Admin-Key": text } });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await world.ask(RUNS, withKey("nonsense"))).status);
  statuses.push((await admin("wrong")).status);
  statuses.push((await world.ask(RUNS)).status);
  statuses.push((await admin("wrong")).status);
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429]);
  const right = await admin(ADMIN_KEY);
  assert.deepEqual([right.status, right.headers.get("retry-after")], [429, "12"]);
  assert.equal((await world.ask(RUNS, withKey(key))).status, 200);
  time.now += 12_000;
  assert.equal((await admin(ADMIN_KEY)).status, 200);
});

test("without limits nothing is counted or told", async (t) => {
  const none = { tenantPerSecond: 0, keyPerSecond: 0, burstSeconds: 1, failuresPerMinute: 0 };
  const { world } = await worldAt(t, none);
  const key = await keyOf(world);
  for (let i = 0; i < 30; i++) assert.equal((await world.ask(RUNS, withKey("nonsense"))).status, 401);
  const answer = await world.ask(RUNS, withKey(key));
  assert.deepEqual([answer.status, answer.headers.get("ratelimit-policy")], [200, null]);
});
