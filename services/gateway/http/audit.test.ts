import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openEmbeddedBus } from "@convergence/bus";
import type { Bus } from "@convergence/bus/port.ts";
import { encode, topicSpecs } from "@convergence/contracts";
import { systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import type { TenantFact } from "@convergence/tenant";
import { z } from "zod";
import { ADMIN_KEY, hurriedClock, openWorld, until, type World, withKey } from "../testing/world.ts";

const AT = 1_763_200_000_000;
const admin = { headers: { "X-Admin-Key": ADMIN_KEY } };
const reply_to = { gateway: "gateway-1", public_key: Buffer.from("k") };
const page = z.object({
  entries: z.array(z.record(z.string(), z.unknown())),
  next_cursor: z.string().nullable(),
});

/** Appends to a tenant's log under a claim; `version` is that of the first fact. Gives the claim's offset. */
async function append(bus: Bus, facts: TenantFact[], version: number, epoch?: number): Promise<number> {
  const partition = bus.partitionOf("tenant.events", "acme");
  const claim = encode({ type: "Claimed", follows: -1, nonce: "n", writer: "test", at: 0 });
  const [first = -1] =
    epoch === undefined
      ? await bus.append([{ topic: "tenant.events", key: "", partition, value: claim }])
      : [];
  const records = facts.map((fact, n) => {
    const meta = { tenant_id: "acme", epoch: epoch ?? first, version: version + n, at: AT + n, cause: null };
    return { topic: "tenant.events", key: "acme", value: encode({ ...fact, meta }) };
  });
  await bus.append(records);
  return epoch ?? first;
}

const by = (request_id: string) => ({ actor: "key:k1", request_id });
const revoked = (key_id: string, request_id = "r"): TenantFact => ({
  type: "KeyRevoked",
  command_id: "c",
  key_id,
  reply_to,
  by: by(request_id),
});

async function audit(world: World, query = ""): Promise<z.output<typeof page>> {
  const answer = await world.ask(`/api/v1/customers/Acme/audit${query}`, admin);
  assert.equal(answer.status, 200, answer.text);
  return page.parse(answer.body);
}

test("who did what, when, in which request and with which outcome, newest first; no step on the way", async (t) => {
  const world = await openWorld(t);
  await world.addTenant("Acme");
  const requested = { idempotency: null, requested_at: AT, reply_to, scopes: ["read"], expires_at: null };
  await append(
    world.bus,
    [
      {
        type: "KeyRequested",
        command_id: "c1",
        key_id: "k2",
        ...requested,
        by: { actor: "admin", request_id: "r1" },
        replaces: null,
        grace_ms: 0,
      },
      {
        type: "KeyIssued",
        key_id: "k2",
        hash: Buffer.from("h"),
        encrypted: Buffer.from("e"),
        scopes: [],
        expires_at: null,
      },
      { type: "KeyActivated", key_id: "k2" },
      {
        type: "KeyRequested",
        command_id: "c2",
        key_id: "k3",
        ...requested,
        by: by("r2"),
        replaces: "k2",
        grace_ms: 1,
      },
      { type: "KeyFailed", key_id: "k3", status: 503, reason: "key-not-encrypted", detail: "d" },
      {
        type: "TenantCommandRejected",
        command_id: "c3",
        status: 404,
        reason: "key-not-found",
        detail: "d",
        gateway: "gateway-1",
        command: "RevokeApiKey",
        by: by("r3"),
      },
      { type: "KeyRevoked", command_id: null, key_id: "k2", reply_to: null, by: null },
    ],
    1,
  );
  const { entries, next_cursor } = await audit(world);
  const told = entries.map(({ at, ...entry }) => [
    new Date(String(at)).getTime() - AT,
    ...Object.values(entry),
  ]);
  assert.deepEqual(told, [
    [6, "platform", "api-key.revoke", "k2", null, "accepted", null, null],
    [5, "key:k1", "api-key.revoke", null, null, "refused", "key-not-found", "r3"],
    [4, "platform", "api-key.activate", "k3", null, "failed", "key-not-encrypted", null],
    [3, "key:k1", "api-key.rotate", "k2", null, "accepted", null, "r2"],
    [2, "platform", "api-key.activate", "k2", null, "done", null, null],
    [0, "admin", "api-key.issue", "k2", null, "accepted", null, "r1"],
  ]);
  assert.equal(next_cursor, null);
});

test("pages follow each other without a gap, and a cursor that no page gave is refused", async (t) => {
  const world = await openWorld(t);
  await world.addTenant("Acme");
  const ids = Array.from({ length: 25 }, (_, n) => `k${n}`);
  await append(
    world.bus,
    ids.map((id) => revoked(id)),
    1,
  );
  const seen: unknown[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const { entries, next_cursor } = await audit(
      world,
      `?limit=10${cursor === "" ? "" : `&cursor=${cursor}`}`,
    );
    assert.ok(entries.length <= 10);
    seen.push(...entries.map(({ key_id }) => key_id));
    cursor = next_cursor;
  }
  assert.deepEqual(seen, ids.toReversed());
  for (const query of ["?cursor=x", "?limit=0", "?limit=201", "?x=1"]) {
    assert.equal((await world.ask(`/api/v1/customers/acme/audit${query}`, admin)).status, 422, query);
  }
});

test("a tenant reads its own alone, and what a deposed writer or a repeat appends is not in it", async (t) => {
  const world = await openWorld(t);
  await world.addTenant("Acme");
  const epoch = await append(world.bus, [revoked("k1"), revoked("k2")], 1);
  await append(world.bus, [revoked("k2")], 2, epoch);
  await append(world.bus, [revoked("zombie")], 3, epoch - 1);
  const own = await world.addKey("Acme", { scopes: ["read"] });
  const foreign = await world.addKey("techcorp", { scopes: ["read", "admin"] });
  const ask = async (key: string) => await world.ask("/api/v1/customers/Acme/audit", withKey(key));
  await until(async () => (await ask(own)).status === 200, "the key is known");
  const { entries } = page.parse((await ask(own)).body);
  assert.deepEqual(
    entries.map(({ key_id }) => key_id),
    ["k2", "k1"],
  );
  await until(async () => (await ask(foreign)).status === 403, "the other key is known");
});

test("a gateway that starts again without the bus serves what it read; of another log nothing is left", async (t) => {
  let away = false;
  const open = () =>
    openEmbeddedBus({
      file: ":memory:",
      topics: topicSpecs(2),
      clock: systemClock,
      random: systemRandom,
      faults: { unreachable: () => away },
    });
  const [bus, other] = [open(), open()];
  t.after(() => Promise.all([bus.close(), other.close()]));
  const database = { views: new DatabaseSync(":memory:"), outbox: new DatabaseSync(":memory:") };
  const first = await openWorld(t, { bus, database });
  await first.addTenant("Acme");
  await append(bus, [revoked("k1"), revoked("k2")], 1);
  // A gateway that never read of a run serves nothing without the bus.
  const refused = { status: 404, reason: "template-not-found", detail: "d", problems: [] };
  await first.events.append("acme", [
    { type: "RunRejected", slot: null, backfill: null, command_id: "c", run_id: "r", ...refused },
  ]);
  assert.deepEqual(await keysOnceKnown(first), ["k2", "k1"]);
  await first.close();

  away = true;
  const second = await openWorld(t, { bus, database, clock: hurriedClock(50) });
  assert.deepEqual(await keysOnceKnown(second), ["k2", "k1"]);
  await second.close();

  away = false;
  const third = await openWorld(t, { bus: other, database });
  await third.addTenant("Acme");
  await append(other, [revoked("k9")], 1);
  assert.deepEqual(await keysOnceKnown(third), ["k9"]);
  await third.close();
});

/** The keys that the entries are about, once tenant and log are read. */
async function keysOnceKnown(world: World): Promise<unknown[]> {
  const path = "/api/v1/customers/acme/audit";
  await until(async () => (await world.ask(path, admin)).status === 200, "the tenant is known");
  return (await audit(world)).entries.map(({ key_id }) => key_id);
}
