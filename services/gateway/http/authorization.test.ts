import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SCOPES } from "../access.ts";
import { openWorld, until, type World, withKey } from "../testing/world.ts";
import type { Route } from "./route.ts";
import { routes } from "./routes.ts";

// Every route of the API against every kind of caller that it must refuse, made from the routes themselves.

const OLD_KEY = "11111111-1111-4111-8111-111111111111";

/** A world in which whatever is asked of tenant-service is refused with 409: so far a request came, and no further. */
async function refusingWorld(t: TestContext): Promise<World> {
  const world = await openWorld(t, { openOnboarding: false });
  await world.addTenant("Acme_1");
  await world.onTenantCommand(async (command) => {
    if (command.type !== "ConfirmKeyDelivered") await world.reply(command, { status: 409, reason: "no" });
  });
  return world;
}

function request(world: World, { method, path, body }: Route, headers: Record<string, string>) {
  const filled = path.replace("{tenant_id}", "Acme_1").replaceAll(/\{\w+\}/g, OLD_KEY);
  return world.ask(filled, {
    method: method.toUpperCase(),
    headers: { ...headers, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: "{}" }),
  });
}

const known = (world: World, key: string, status: number) =>
  until(
    async () => (await world.ask("/api/v1/customers/Acme_1", withKey(key))).status === status,
    "the key is known",
  );

test("each route lets in a key of its scope alone, and tells others which scope they lack", async (t) => {
  const world = await refusingWorld(t);
  const keys = new Map<string, string>();
  for (const scope of SCOPES) keys.set(scope, await world.addKey("Acme_1", { scopes: [scope] }));
  await known(world, keys.get("read") ?? "", 200);
  for (const route of routes) {
    for (const [scope, key] of keys) {
      const what = `${route.method} ${route.path} with ${scope}`;
      const { status, body } = await request(world, route, { "X-API-Key": key });
      if (route.scope === null) assert.equal(status, 401, what);
      else if (route.scope === scope) assert.ok(status !== 401 && status !== 403, `${what}: ${status}`);
      else {
        assert.deepEqual([status, body.type], [403, "/problems/insufficient-scope"], what);
        assert.match(String(body.detail), new RegExp(`lacks the scope ${route.scope}:`));
      }
    }
  }
});

test("each route refuses no key, a malformed one, a revoked, an expired and an unknown one all alike", async (t) => {
  const world = await refusingWorld(t);
  const scopes = [...SCOPES];
  const good = await world.addKey("Acme_1", { scopes });
  const revoked = await world.addKey("Acme_1", { scopes, keyId: OLD_KEY });
  const expired = await world.addKey("Acme_1", { scopes, expiresAt: 1 });
  await world.revoke("acme_1", OLD_KEY);
  await known(world, good, 200);
  await known(world, revoked, 401);
  const bad = [
    undefined,
    "",
    "nonsense",
    revoked,
    expired,
    "Acme_1_api_0123456789abcdef",
    good.toLowerCase(),
  ];
  for (const route of routes) {
    const answers = new Set<string>();
    for (const key of bad) {
      const { status, body } = await request(world, route, key === undefined ? {} : { "X-API-Key": key });
      assert.equal(status, 401, `${route.method} ${route.path} with ${key}`);
      answers.add(JSON.stringify({ ...body, request_id: "" }));
    }
    assert.equal(answers.size, 1, `${route.method} ${route.path} tells keys apart`);
  }
});

test("each route of a tenant refuses another tenant's key, whether the tenant exists or not", async (t) => {
  const world = await refusingWorld(t);
  const foreign = await world.addKey("techcorp", { scopes: [...SCOPES] });
  await until(
    async () => (await world.ask("/api/v1/pipelines/runs", withKey(foreign))).status === 200,
    "the key is known",
  );
  for (const route of routes.filter(({ path, scope }) => path.includes("{tenant_id}") && scope !== null)) {
    for (const path of [route.path, route.path.replace("{tenant_id}", "nobody_1")]) {
      const { status, body } = await request(world, { ...route, path }, { "X-API-Key": foreign });
      assert.deepEqual([status, body.type], [403, "/problems/foreign-tenant"], `${route.method} ${path}`);
    }
  }
});
