import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  decodeAs,
  type KeyState,
  TENANT_COMMANDS_TYPES,
  type TenantCommandsMessage,
} from "@convergence/contracts";
import { newApiKey } from "@convergence/keys";
import { systemRandom } from "@convergence/runtime/random.ts";
import {
  ADMIN_KEY,
  hurriedClock,
  json,
  openWorld,
  rawStatus,
  until,
  type World,
  type WorldOptions,
  withKey,
} from "../testing/world.ts";

const ONBOARD = "/api/v1/customers/onboard";
const admin = { "X-Admin-Key": ADMIN_KEY };

function keyState(keyId: string, more: Partial<KeyState> = {}): KeyState {
  return {
    key_id: keyId,
    phase: "ACTIVE",
    hash: null,
    encrypted: null,
    scopes: ["run", "read"],
    created_at: 1,
    expires_at: null,
    revoked_at: null,
    delivered: false,
    request: null,
    revocations: [],
    replaces: null,
    grace_ms: 0,
    replaced_by: null,
    end_untold: false,
    ...more,
  };
}

/** A world whose tenant-service onboards, issues and revokes whatever it is asked. */
async function willingWorld(t: TestContext, options: WorldOptions = {}) {
  const world = await openWorld(t, options);
  const commands: TenantCommandsMessage[] = [];
  const keys: string[] = [];
  await world.onTenantCommand(async (command) => {
    commands.push(command);
    if (command.type === "OnboardTenant") await grantOnboarding(world, command, keys);
    else if (command.type === "IssueApiKey") {
      const tenant = command.meta.tenant_id;
      const keyId = systemRandom.uuid();
      const apiKey = await world.addKey(tenant, { keyId, scopes: command.scopes });
      keys.push(apiKey);
      const body = JSON.stringify({ key_id: keyId, scopes: command.scopes, expires_at: command.expires_at });
      await world.reply(command, { key_id: keyId, body }, apiKey);
    } else if (command.type === "RevokeApiKey") {
      await world.reply(command, { body: "{}" });
      await world.revoke(command.meta.tenant_id, command.key_id);
    }
  });
  return { world, commands, keys };
}

async function grantOnboarding(
  world: World,
  command: Extract<TenantCommandsMessage, { type: "OnboardTenant" }>,
  keys: string[],
): Promise<void> {
  const keyId = systemRandom.uuid();
  const apiKey = await world.addKey(command.tenant_name, { keyId });
  keys.push(apiKey);
  const body = {
    tenant_id: command.tenant_name,
    dataset_created: true,
    tables_created: ["api_keys", "cloud_credentials", "pipeline_runs", "step_logs", "dq_results"],
    dryrun_status: "SUCCESS",
    message: `Customer ${command.tenant_name} onboarded successfully. Save your API key - it will only be shown once!`,
  };
  await world.reply(command, { key_id: keyId, body: JSON.stringify(body) }, apiKey);
}

function confirmations(commands: TenantCommandsMessage[]) {
  return commands.filter((command) => command.type === "ConfirmKeyDelivered");
}

test("onboarding answers as the specification prints it; the key works at once and is told as delivered", async (t) => {
  const { world, commands, keys } = await willingWorld(t);
  const answer = await world.ask(ONBOARD, json({ tenant_id: "AcmeInc_23xv2" }));
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.body, {
    tenant_id: "AcmeInc_23xv2",
    api_key: keys[0],
    dataset_created: true,
    tables_created: ["api_keys", "cloud_credentials", "pipeline_runs", "step_logs", "dq_results"],
    dryrun_status: "SUCCESS",
    message: "Customer AcmeInc_23xv2 onboarded successfully. Save your API key - it will only be shown once!",
  });
  const [command] = commands;
  assert.equal(command?.type === "OnboardTenant" && command.tenant_name, "AcmeInc_23xv2");
  assert.equal(command?.meta.tenant_id, "acmeinc_23xv2");
  assert.equal((await world.ask("/api/v1/pipelines/runs", withKey(String(answer.body.api_key)))).status, 200);
  await until(() => confirmations(commands).length > 0, "the delivery is told");
  await world.ask("/api/v1/pipelines/runs", withKey(String(answer.body.api_key)));
  assert.equal(confirmations(commands).length, 1);
});

test("a refused onboarding is told as tenant-service refuses it", async (t) => {
  const world = await openWorld(t);
  await world.onTenantCommand(async (command) => {
    if (command.type !== "OnboardTenant") return;
    // Another gateway's answer, and one to another command, come first.
    await world.reply(command, { gateway: "gateway-2", status: 500, reason: "not-ours", detail: "" });
    await world.reply(command, {
      command_id: systemRandom.uuid(),
      status: 500,
      reason: "not-ours",
      detail: "",
    });
    await world.reply(command, { status: 409, reason: "tenant-exists", detail: "It is onboarded already." });
  });
  const answer = await world.ask(ONBOARD, json({ tenant_id: "acmeinc_23xv2" }));
  assert.deepEqual(
    [answer.status, answer.body.type, answer.body.detail],
    [409, "/problems/tenant-exists", "It is onboarded already."],
  );
});

test("tenant ids that are malformed or reserved are refused before any command", async (t) => {
  const { world, commands } = await willingWorld(t);
  const malformed = [
    "ab",
    "a".repeat(51),
    "acme-inc",
    "acme inc",
    "acmé_inc",
    "acme_inc\n",
    "\nacme_inc",
    "a/b",
    "",
    5,
    null,
  ];
  const reserved = [
    "convergence",
    "Convergence_x",
    "information_schema",
    "MAIN",
    "pg_catalog",
    "temp",
    "System",
    "convergence_platform",
  ];
  for (const tenant_id of [...malformed, ...reserved]) {
    const answer = await world.ask(ONBOARD, json({ tenant_id }));
    assert.equal(answer.status, 422, JSON.stringify(tenant_id));
    assert.match(JSON.stringify(answer.body.errors), /"field":"tenant_id"/);
  }
  for (const body of [
    {},
    [],
    { tenant_id: "acme_inc", extra: 1 },
    { tenant_id: "acme_inc", force_recreate_tables: "yes" },
  ]) {
    assert.equal((await world.ask(ONBOARD, json(body))).status, 422, JSON.stringify(body));
  }
  assert.deepEqual(commands, []);
});

test("without the admin key only a page-less request to this machine may onboard, and never by force", async (t) => {
  const { world } = await willingWorld(t);
  const port = world.server.port;
  const body = { tenant_id: "acme_1" };
  const onboard = (headers: Record<string, string>, more: object = {}) =>
    world.ask(ONBOARD, json({ ...body, ...more }, headers));
  assert.equal((await onboard({})).status, 200);
  assert.equal((await onboard({ Origin: `http://127.0.0.1:${port}` })).status, 200);
  assert.equal((await onboard({ Origin: "http://evil.example" })).status, 401);
  assert.equal((await onboard({ Origin: "null" })).status, 401);
  assert.equal((await onboard({ Origin: "http://localhost:1" })).status, 401);
  assert.equal(
    (await onboard({ "X-Admin-Key": "wrong" })).status,
    401,
    "a wrong admin key is not waved through",
  );
  const force = await onboard({}, { force_recreate_dataset: true });
  assert.deepEqual([force.status, force.body.type], [403, "/problems/admin-key-required"]);
  assert.equal((await onboard({}, { force_recreate_tables: true })).status, 403);
  assert.equal((await onboard(admin, { force_recreate_dataset: true })).status, 200);
  assert.equal((await onboard({ ...admin, Origin: "http://evil.example" })).status, 200);
  const form = { method: "POST", headers: { "Content-Type": "text/plain" }, body: JSON.stringify(body) };
  assert.equal((await world.ask(ONBOARD, form)).status, 415);
});

test("a rebound host name may not onboard", async (t) => {
  const { world } = await willingWorld(t);
  const status = (host: string) =>
    rawStatus(world, {
      method: "POST",
      path: ONBOARD,
      headers: { Host: host, "Content-Type": "application/json" },
      body: JSON.stringify({ tenant_id: "acme_1" }),
    });
  for (const host of ["localhost:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST"]) {
    assert.equal(await status(host), 200, host);
  }
  for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "localhost@evil"]) {
    assert.equal(await status(host), 401, host);
  }
});

test("where onboarding is not open it takes the admin key", async (t) => {
  const { world } = await willingWorld(t, { openOnboarding: false });
  const without = await world.ask(ONBOARD, json({ tenant_id: "acme_1" }));
  assert.deepEqual([without.status, without.body.type], [401, "/problems/admin-key-required"]);
  assert.equal((await world.ask(ONBOARD, json({ tenant_id: "acme_1" }, admin))).status, 200);
});

test("an Idempotency-Key travels with the command, for this route and body", async (t) => {
  const { world, commands } = await willingWorld(t);
  await world.ask(ONBOARD, json({ tenant_id: "acme_1" }, { "Idempotency-Key": "once" }));
  const [command] = commands;
  assert.ok(command?.type === "OnboardTenant");
  assert.equal(command.idempotency?.key, "onboard|once");
  assert.match(command.idempotency?.body_hash ?? "", /^[0-9a-f]{64}$/);
});

test("keys are issued, listed and revoked by the tenant and by the admin, and by no one else", async (t) => {
  const { world, commands } = await willingWorld(t);
  await world.addTenant("Acme_1");
  const ownId = systemRandom.uuid();
  const own = await world.addKey("Acme_1", { keyId: ownId });
  const foreign = await world.addKey("techcorp");
  const reader = await world.addKey("Acme_1", { scopes: ["run", "read"] });
  const path = "/api/v1/customers/Acme_1/api-keys";
  await until(async () => (await world.ask(path, withKey(reader))).status === 200, "the keys work");

  const issued = await world.ask(path, json({}, { "X-API-Key": own }));
  assert.equal(issued.status, 201, issued.text);
  const key = String(issued.body.api_key);
  assert.deepEqual(issued.body.scopes, ["run", "read"]);
  assert.equal((await world.ask(path, withKey(key))).status, 200, "it works at once");
  await until(() => confirmations(commands).length === 1, "its delivery is told");

  const listed = await world.ask(path, withKey(own));
  assert.equal(listed.body.tenant_id, "Acme_1");
  assert.ok(Array.isArray(listed.body.api_keys));
  assert.equal(listed.body.api_keys.length, 3);
  assert.doesNotMatch(listed.text, /_api_[A-Za-z0-9]{16}/);

  const revoked = await world.ask(`${path}/${issued.body.key_id}`, { method: "DELETE", ...withKey(own) });
  assert.equal(revoked.status, 204);
  assert.equal(revoked.text, "");
  assert.equal((await world.ask(path, withKey(key))).status, 401, "it is refused at once");

  for (const [headers, status] of [
    [{ "X-API-Key": foreign }, 403],
    [{ "X-API-Key": reader }, 403],
    [{}, 401],
    [{ "X-Admin-Key": "wrong" }, 401],
    [admin, 201],
  ] as const) {
    assert.equal((await world.ask(path, json({}, headers))).status, status, JSON.stringify(headers));
  }
  const beyond = await world.ask(path, json({}, { "X-API-Key": reader }));
  assert.deepEqual([beyond.status, beyond.body.type], [403, "/problems/insufficient-scope"]);
  assert.equal((await world.ask("/api/v1/customers/nobody/api-keys", json({}, admin))).status, 404);
  for (const body of [
    { scopes: [] },
    { scopes: ["all"] },
    { scopes: ["run", "run"] },
    { expires_at: "tomorrow" },
    { expires_at: "2001-01-01T00:00:00Z" },
    { x: 1 },
  ]) {
    assert.equal((await world.ask(path, json(body, { "X-API-Key": own }))).status, 422, JSON.stringify(body));
  }
});

test("a key that the tenants view shows undelivered is told as delivered at its first use, once", async (t) => {
  const { world, commands } = await willingWorld(t);
  const keyId = systemRandom.uuid();
  const key = await world.addKey("acme_1", { keyId });
  await world.addTenant("acme_1", [keyState(keyId)]);
  await until(
    async () => (await world.ask("/api/v1/customers/acme_1", withKey(key))).status === 200,
    "it works",
  );
  await world.ask("/api/v1/customers/acme_1", withKey(key));
  await until(() => confirmations(commands).length > 0, "the delivery is told");
  await world.ask("/api/v1/customers/acme_1", withKey(key));
  const [told, ...more] = confirmations(commands);
  assert.equal(told?.key_id, keyId);
  assert.deepEqual(more, []);
});

test("a customer is shown with state, quota, usage and keys, to the admin and itself", async (t) => {
  const world = await openWorld(t);
  await world.addTenant("Acme_1");
  const keyId = systemRandom.uuid();
  const key = await world.addKey("Acme_1", { keyId });
  const path = "/api/v1/customers/acme_1";
  await until(async () => (await world.ask(path, withKey(key))).status === 200, "the key works");
  const answer = await world.ask(path, { headers: admin });
  assert.deepEqual(answer.body, {
    tenant_id: "Acme_1",
    state: "ACTIVE",
    suspended_at: null,
    suspension_reason: null,
    tier: "STARTER",
    created_at: "1970-01-01T00:00:00.001Z",
    updated_at: "1970-01-01T00:00:00.002Z",
    quota: { max_pipelines_per_month: 500, max_concurrent_pipelines: 3 },
    usage: { pipelines_this_month: 0, running_pipelines: 0 },
    api_keys: [
      {
        key_id: keyId,
        scopes: ["run", "read", "admin"],
        status: "ACTIVE",
        created_at: "1970-01-01T00:00:00.001Z",
        expires_at: null,
        revoked_at: null,
      },
    ],
  });
  assert.deepEqual((await world.ask(path, withKey(key))).body, answer.body);
  const foreign = await world.addKey("techcorp");
  await until(async () => (await world.ask(path, withKey(foreign))).status !== 401, "the other's key works");
  assert.equal((await world.ask(path, withKey(foreign))).status, 403);
  assert.equal((await world.ask("/api/v1/customers/nobody", withKey(foreign))).status, 403);
  assert.equal((await world.ask("/api/v1/customers/nobody", { headers: admin })).status, 404);
});

test("whatever is wrong with a key, the answer is the same 401", async (t) => {
  const world = await openWorld(t);
  const revokedId = systemRandom.uuid();
  const revoked = await world.addKey("acme_1", { keyId: revokedId });
  const expired = await world.addKey("acme_1", { expiresAt: Date.now() - 1 });
  const good = await world.addKey("acme_1");
  await world.revoke("acme_1", revokedId);
  const path = "/api/v1/pipelines/runs";
  await until(async () => (await world.ask(path, withKey(good))).status === 200, "the keys are known");
  await until(async () => (await world.ask(path, withKey(revoked))).status === 401, "it is revoked");
  const bad = [
    undefined,
    "",
    "nonsense",
    newApiKey("acme_1", systemRandom),
    newApiKey("nobody", systemRandom),
    good.slice(0, -1),
    `${good}x`,
    good.toUpperCase(),
    `${good}, ${good}`,
    revoked,
    expired,
  ];
  const answers = await Promise.all(bad.map((key) => world.ask(path, key === undefined ? {} : withKey(key))));
  const shown = answers.map(({ status, body, headers }) => ({
    status,
    body: { ...body, request_id: null },
    headers: [...headers.keys()].filter((name) => name !== "date"),
  }));
  for (const answer of shown) assert.deepEqual(answer, shown[0]);
  assert.equal(shown[0]?.status, 401);
});

test("a revocation wins over any later record of the key", async (t) => {
  const world = await openWorld(t);
  const keyId = systemRandom.uuid();
  const first = await world.addKey("acme_1", { keyId });
  const path = "/api/v1/pipelines/runs";
  await until(async () => (await world.ask(path, withKey(first))).status === 200, "the key works");
  await world.revoke("acme_1", keyId);
  const second = await world.addKey("acme_1", { keyId });
  const marker = await world.addKey("acme_1");
  await until(async () => (await world.ask(path, withKey(marker))).status === 200, "all is read");
  assert.equal((await world.ask(path, withKey(first))).status, 401);
  assert.equal((await world.ask(path, withKey(second))).status, 401);
});

test("deliveries outlive a restart: what was noted while the log was away is told afterwards", async (t) => {
  const { DatabaseSync } = await import("node:sqlite");
  const database = { views: new DatabaseSync(":memory:"), outbox: new DatabaseSync(":memory:") };
  const first = await openWorld(t, { database });
  await first.close();
  database.outbox
    .prepare("INSERT INTO delivered_keys (key_id, tenant_id, command_id, at) VALUES (?, ?, ?, ?)")
    .run("key-1", "acme_1", systemRandom.uuid(), 7);
  const second = await openWorld(t, { database });
  const told: string[] = [];
  const view = await second.bus.view({ topics: ["tenant.commands"], from: "low" }, (record) => {
    const command = decodeAs(record.value, TENANT_COMMANDS_TYPES);
    if (command.type === "ConfirmKeyDelivered") told.push(command.key_id);
  });
  await until(() => told.length > 0, "the delivery is told");
  await view.stop();
  assert.deepEqual(told, ["key-1"]);
  assert.equal(database.outbox.prepare("SELECT count(*) AS n FROM delivered_keys").get()?.n, 0);
});

test("a key whose client went away before the answer is not told as delivered", async (t) => {
  const world = await openWorld(t);
  const confirmed: string[] = [];
  const gone = new AbortController();
  await world.onTenantCommand(async (command) => {
    if (command.type === "ConfirmKeyDelivered") confirmed.push(command.meta.tenant_id);
    if (command.type !== "OnboardTenant") return;
    if (command.tenant_name === "gone_1") {
      gone.abort();
      await until(async () => /status="499"/.test(await world.metricsText()), "the connection is closed");
    }
    await grantOnboarding(world, command, []);
    if (command.tenant_name === "gone_1") void world.ask(ONBOARD, json({ tenant_id: "here_1" }));
  });
  await assert.rejects(world.ask(ONBOARD, { ...json({ tenant_id: "gone_1" }), signal: gone.signal }));
  // Its answer came to this gateway before the next one's, whose delivery is told.
  await until(() => confirmed.length > 0, "the next key is told as delivered");
  assert.deepEqual(confirmed, ["here_1"]);
});

test("an onboarding that takes longer than 120 s is 503: to be repeated", async (t) => {
  const world = await openWorld(t, { clock: hurriedClock(1_000) });
  const answer = await world.ask(ONBOARD, json({ tenant_id: "acme_1" }));
  assert.deepEqual([answer.status, answer.body.type], [503, "/problems/unfinished"]);
  assert.equal(answer.headers.get("retry-after"), "5");
});
