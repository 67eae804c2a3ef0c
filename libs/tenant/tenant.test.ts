import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventMeta, IssueApiKey, OnboardTenant, ReplyTo } from "@convergence/contracts";
import {
  decideDelivered,
  decideIssueKey,
  decideOnboard,
  decideRevokeKey,
  dueActs,
  evolve,
  keyOf,
  type TenantFact,
  type TenantState,
} from "./index.ts";

const NOW = 1_763_200_000_000;
const HOUR = 3_600_000;
const reply_to: ReplyTo = { gateway: "gateway-1", public_key: Buffer.from("public") };
const by = { actor: "admin", request_id: "r-1" };
const commandMeta = (at = NOW) => ({
  command_id: "c",
  tenant_id: "acme",
  at,
  sent_by: "gateway-1",
});
const names = { keyId: "key-2", runId: "run-2", tier: "ENTERPRISE", trace: null };

function onboard(changes: Partial<OnboardTenant> = {}): OnboardTenant {
  return {
    type: "OnboardTenant",
    meta: commandMeta(),
    tenant_name: "Acme",
    force_recreate_dataset: false,
    force_recreate_tables: false,
    idempotency: null,
    reply_to,
    by,
    ...changes,
  };
}

function issue(changes: Partial<IssueApiKey> = {}): IssueApiKey {
  return {
    type: "IssueApiKey",
    meta: commandMeta(),
    scopes: ["run"],
    expires_at: null,
    idempotency: null,
    reply_to,
    by,
    ...changes,
  };
}

function given(start: TenantState, ...facts: TenantFact[]): TenantState {
  const meta: EventMeta = {
    tenant_id: "acme",
    epoch: 0,
    version: 1,
    at: NOW,
    cause: null,
  };
  return facts.reduce<TenantState>((state, fact) => evolve(state, { ...fact, meta }), start);
}

const issued = (key_id: string): TenantFact => ({
  type: "KeyIssued",
  key_id,
  hash: Buffer.from("hash"),
  encrypted: Buffer.from("sealed"),
  scopes: ["run", "read"],
  expires_at: null,
});

/** A tenant whose onboarding is over; its key is key-1. */
function onboarded(idempotency: OnboardTenant["idempotency"] = null): TenantState {
  const accepted = decideOnboard(null, onboard({ idempotency }), {
    ...names,
    keyId: "key-1",
    runId: "run-1",
  });
  return given(
    null,
    ...accepted,
    { type: "DatasetProvisioned", created: true },
    { type: "TablesProvisioned", tables: ["api_keys"] },
    issued("key-1"),
    { type: "KeyActivated", key_id: "key-1" },
    { type: "ValidationRequested", run_id: "run-1", log_partition: 0, log_offset: 7 },
    { type: "OnboardingFinished", dryrun_status: "SUCCESS", dryrun_error: null },
  );
}
const delivered = (tenant: TenantState) =>
  given(tenant, { type: "KeyDelivered", command_id: "c", key_id: "key-1" });
const types = (facts: TenantFact[]) => facts.map(({ type }) => type);
const acts = (tenant: TenantState) => (tenant === null ? [] : dueActs(tenant).map((act) => act.do));
const reason = (facts: TenantFact[]) =>
  facts.map((fact) => (fact.type === "TenantCommandRejected" ? `${fact.status} ${fact.reason}` : fact.type));

test("an onboarding does one thing after another, each until an event says that it is done", () => {
  let tenant = given(null, ...decideOnboard(null, onboard(), { ...names, keyId: "key-1" }));
  assert.deepEqual(acts(tenant), ["provision dataset"]);
  tenant = given(tenant, { type: "DatasetProvisioned", created: true });
  assert.deepEqual(acts(tenant), ["provision tables"]);
  tenant = given(tenant, { type: "TablesProvisioned", tables: ["api_keys"] });
  assert.deepEqual(acts(tenant), ["issue key"]);
  tenant = given(tenant, issued("key-1"));
  assert.deepEqual(acts(tenant), ["activate key"]);
  tenant = given(tenant, { type: "KeyActivated", key_id: "key-1" });
  assert.deepEqual(acts(tenant), ["request validation"]);
  tenant = given(tenant, { type: "ValidationRequested", run_id: "run-2", log_partition: 1, log_offset: 9 });
  assert.deepEqual(acts(tenant), ["await validation"]);
  tenant = given(tenant, { type: "OnboardingFinished", dryrun_status: "FAILED", dryrun_error: "x" });
  assert.deepEqual(acts(tenant), []);
  assert.equal(tenant?.lifecycle, "ACTIVE");
});

test("a repeat while it is under way goes on with it, and both are answered", () => {
  const tenant = given(null, ...decideOnboard(null, onboard(), names));
  const repeat = decideOnboard(tenant, onboard(), names);
  assert.deepEqual(types(repeat), ["OnboardingResumed"]);
  assert.equal(given(tenant, ...repeat)?.onboarding?.pending.length, 2);
  assert.deepEqual(reason(decideOnboard(tenant, onboard({ force_recreate_tables: true }), names)), [
    "409 onboarding-under-way",
  ]);
});

test("a tenant whose key was delivered is not onboarded again without a force flag", () => {
  assert.deepEqual(reason(decideOnboard(delivered(onboarded()), onboard(), names)), ["409 tenant-exists"]);
});

test("a tenant whose key was never delivered gets another one, and the first is revoked", () => {
  const facts = decideOnboard(onboarded(), onboard(), names);
  assert.deepEqual(types(facts), ["OnboardingAccepted", "KeyRevoked"]);
  const tenant = given(onboarded(), ...facts);
  assert.equal(keyOf(tenant, "key-1")?.phase, "REVOKED");
  assert.deepEqual(acts(tenant), ["provision dataset", "announce revocation"]);
});

test("the same Idempotency-Key replaces even a delivered key, within 24 hours, for the same body", () => {
  const key = { key: "onboard|k", body_hash: "h" };
  const tenant = delivered(onboarded(key));
  assert.deepEqual(types(decideOnboard(tenant, onboard({ idempotency: key }), names)), [
    "OnboardingAccepted",
    "KeyRevoked",
  ]);
  const other = onboard({ idempotency: { ...key, body_hash: "other" } });
  assert.deepEqual(reason(decideOnboard(tenant, other, names)), ["422 idempotency-key-reused"]);
  const late = onboard({ idempotency: key, meta: commandMeta(NOW + 24 * HOUR) });
  assert.deepEqual(reason(decideOnboard(tenant, late, names)), ["409 tenant-exists"]);
});

test("a repeat with the same Idempotency-Key does not recreate a second time", () => {
  const key = { key: "onboard|k", body_hash: "h" };
  const [accepted] = decideOnboard(
    onboarded(key),
    onboard({ idempotency: key, force_recreate_dataset: true }),
    names,
  );
  assert.ok(accepted?.type === "OnboardingAccepted" && !accepted.force_recreate_dataset);
});

test("a force flag revokes every key and clears first", () => {
  const two = given(onboarded(), ...decideIssueKey(onboarded(), issue(), "key-x"), issued("key-x"));
  const facts = decideOnboard(delivered(two), onboard({ force_recreate_dataset: true }), names);
  assert.deepEqual(types(facts), ["OnboardingAccepted", "KeyRevoked", "KeyRevoked"]);
  assert.equal(acts(given(two, ...facts))[0], "clear");
});

test("names that differ by case alone are one tenant: the second is refused", () => {
  assert.deepEqual(reason(decideOnboard(onboarded(), onboard({ tenant_name: "ACME" }), names)), [
    "409 tenant-exists",
  ]);
});

test("an onboarding that cannot go on ends, and a repeat begins anew", () => {
  const failed = given(null, ...decideOnboard(null, onboard(), names), {
    type: "OnboardingFailed",
    status: 409,
    reason: "dataset-not-ours",
    detail: "",
  });
  assert.deepEqual(acts(failed), []);
  assert.deepEqual(types(decideOnboard(failed, onboard(), names)), ["OnboardingAccepted"]);
});

test("a key is issued, stored, and revoked for good", () => {
  const requested = given(
    onboarded(),
    ...decideIssueKey(onboarded(), issue({ expires_at: NOW + HOUR }), "key-9"),
  );
  assert.deepEqual(acts(requested), ["issue key"]);
  assert.deepEqual(
    reason(
      decideRevokeKey(requested, {
        type: "RevokeApiKey",
        meta: commandMeta(),
        key_id: "key-9",
        reply_to,
        by,
      }),
    ),
    ["409 key-not-active"],
  );
  const active = given(requested, issued("key-9"), { type: "KeyActivated", key_id: "key-9" });
  const revoked = given(
    active,
    ...decideRevokeKey(active, { type: "RevokeApiKey", meta: commandMeta(), key_id: "key-9", reply_to, by }),
  );
  assert.deepEqual(acts(revoked), ["announce revocation"]);
  const dead = given(
    revoked,
    { type: "KeyRevocationAnnounced", key_id: "key-9" },
    { type: "KeyActivated", key_id: "key-9" },
  );
  assert.equal(keyOf(dead, "key-9")?.phase, "DEAD");
  assert.equal(keyOf(dead, "key-9")?.encrypted, null);
  assert.deepEqual(
    keyOf(dead, "key-9")?.revocations.map(({ command_id }) => command_id),
    ["c"],
    "who asked is answered now",
  );
});

test("a key that was revoked before it was stored never becomes active", () => {
  const requested = given(onboarded(), ...decideIssueKey(onboarded(), issue(), "key-9"), issued("key-9"));
  const revoked = given(requested, {
    type: "KeyRevoked",
    command_id: null,
    key_id: "key-9",
    reply_to: null,
    by: null,
  });
  assert.equal(keyOf(given(revoked, { type: "KeyActivated", key_id: "key-9" }), "key-9")?.phase, "REVOKED");
});

test("keys of unknown tenants and ids are refused by name", () => {
  assert.deepEqual(reason(decideIssueKey(null, issue(), "k")), ["409 tenant-not-active"]);
  assert.deepEqual(reason(decideIssueKey(onboarded(), issue({ expires_at: NOW }), "k")), [
    "422 invalid-request",
  ]);
  assert.deepEqual(
    reason(
      decideRevokeKey(onboarded(), {
        type: "RevokeApiKey",
        meta: commandMeta(),
        key_id: "none",
        reply_to,
        by,
      }),
    ),
    ["404 key-not-found"],
  );
  assert.deepEqual(
    reason(
      decideDelivered(onboarded(), { type: "ConfirmKeyDelivered", meta: commandMeta(), key_id: "none" }),
    ),
    ["404 key-not-found"],
  );
});

test("once delivered, a key's ciphertext is kept no longer", () => {
  assert.equal(keyOf(delivered(onboarded()), "key-1")?.encrypted, null);
});

test("the same Idempotency-Key replaces an issued key, delivered or not", () => {
  const idempotency = { key: "issue|k", body_hash: "h" };
  const first = given(
    onboarded(),
    ...decideIssueKey(onboarded(), issue({ idempotency }), "key-9"),
    issued("key-9"),
    {
      type: "KeyActivated",
      key_id: "key-9",
    },
  );
  const got = given(first, { type: "KeyDelivered", command_id: "c", key_id: "key-9" });
  for (const tenant of [first, got]) {
    const repeat = decideIssueKey(tenant, issue({ idempotency }), "key-10");
    assert.deepEqual(types(repeat), ["KeyRequested", "KeyRevoked"]);
  }
  const other = issue({ idempotency: { ...idempotency, body_hash: "other" } });
  assert.deepEqual(reason(decideIssueKey(got, other, "key-10")), ["422 idempotency-key-reused"]);
});

test("however often a key is asked for under one Idempotency-Key, one is in force", () => {
  let tenant = onboarded();
  const before = tenant?.keys.length ?? 0;
  for (const id of ["a", "b", "c", "d"]) {
    const asked = decideIssueKey(tenant, issue({ idempotency: { key: "issue|k", body_hash: "h" } }), id);
    tenant = given(tenant, ...asked, issued(id), { type: "KeyActivated", key_id: id });
  }
  const inForce = tenant?.keys.filter(({ phase }) => phase === "ACTIVE").map(({ key_id }) => key_id);
  assert.equal(inForce?.length, before + 1);
  assert.equal(inForce?.at(-1), "d");
});

test("a tenant has at most 100 keys in force, a repeat excepted, and its dead ones are forgotten in time", () => {
  let tenant = onboarded();
  const asked = (id: string, idempotency: IssueApiKey["idempotency"] = null) =>
    decideIssueKey(tenant, issue({ idempotency }), id);
  for (let n = 2; n <= 100; n += 1) {
    tenant = given(tenant, ...asked(`k${n}`, { key: `i${n}`, body_hash: "h" }), issued(`k${n}`), {
      type: "KeyActivated",
      key_id: `k${n}`,
    });
  }
  assert.deepEqual(reason(asked("k101")), ["409 too-many-keys"]);
  assert.deepEqual(types(asked("k101", { key: "i100", body_hash: "h" })), ["KeyRequested", "KeyRevoked"]);
  const dies = (key_id: string): TenantFact[] => [
    { type: "KeyRevoked", command_id: null, key_id, reply_to: null, by: null },
    { type: "KeyRevocationAnnounced", key_id },
  ];
  for (let n = 101; n <= 250; n += 1) {
    tenant = given(tenant, ...dies(`k${n - 99}`));
    tenant = given(tenant, ...asked(`k${n}`));
  }
  assert.equal(tenant?.keys.filter(({ phase }) => phase === "DEAD").length, 100);
  assert.equal(tenant?.keys.length, 200);
  assert.equal(keyOf(tenant, "k2"), undefined);
  assert.equal(keyOf(tenant, "k151")?.phase, "DEAD");
});

test("everyone who asks for a revocation before it is announced waits for it", () => {
  const ask = (command_id: string): TenantFact => ({
    type: "KeyRevoked",
    command_id,
    key_id: "key-1",
    reply_to,
    by,
  });
  const waiting = given(onboarded(), ask("first"), ask("second"));
  assert.deepEqual(
    keyOf(waiting, "key-1")?.revocations.map(({ command_id }) => command_id),
    ["first", "second"],
  );
});
