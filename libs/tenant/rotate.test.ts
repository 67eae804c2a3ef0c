import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventMeta, IssueApiKey, RotateApiKey } from "@convergence/contracts";
import {
  decideIssueKey,
  decideOnboard,
  decideRotateKey,
  dueActs,
  evolve,
  keyOf,
  MAX_GRACE_MS,
  type TenantFact,
  type TenantState,
} from "./index.ts";

const NOW = 1_763_200_000_000;
const HOUR = 3_600_000;
const asked = {
  reply_to: { gateway: "gateway-1", public_key: Buffer.from("public") },
  by: { actor: "key:key-1", request_id: "r-1" },
};
const head = (at: number) => ({ command_id: "c", tenant_id: "acme", at, sent_by: "gateway-1" });

function rotate(key_id: string, changes: Partial<RotateApiKey> = {}, at = NOW): RotateApiKey {
  return {
    type: "RotateApiKey",
    meta: head(at),
    key_id,
    grace_ms: HOUR,
    idempotency: null,
    ...asked,
    ...changes,
  };
}

function issue(expires_at: number | null): IssueApiKey {
  return { type: "IssueApiKey", meta: head(NOW), scopes: ["read"], expires_at, idempotency: null, ...asked };
}

function given(start: TenantState, at: number, ...facts: TenantFact[]): TenantState {
  const meta: EventMeta = { tenant_id: "acme", epoch: 0, version: 1, at, cause: null };
  return facts.reduce<TenantState>((state, fact) => evolve(state, { ...fact, meta }), start);
}

/** The facts of a key that was asked for and is in force now. */
const inForce = (key_id: string): TenantFact[] => [
  {
    type: "KeyIssued",
    key_id,
    hash: Buffer.from("hash"),
    encrypted: Buffer.from("sealed"),
    scopes: [],
    expires_at: null,
  },
  { type: "KeyActivated", key_id },
];

/** A tenant with key-1, of its onboarding, and key-2, that reads and ends after `life` milliseconds; null: never. */
function tenantWith(life: number | null = null): TenantState {
  const accepted = decideOnboard(
    null,
    {
      type: "OnboardTenant",
      meta: head(NOW),
      tenant_name: "Acme",
      force_recreate_dataset: false,
      force_recreate_tables: false,
      idempotency: null,
      ...asked,
    },
    { keyId: "key-1", runId: "run-1", tier: "ENTERPRISE", trace: null },
  );
  const tenant = given(
    null,
    NOW,
    ...accepted,
    { type: "DatasetProvisioned", created: true },
    { type: "TablesProvisioned", tables: [] },
    ...inForce("key-1"),
    { type: "OnboardingFinished", dryrun_status: "SUCCESS", dryrun_error: null },
  );
  const expires = life === null ? null : NOW + life;
  return given(tenant, NOW, ...decideIssueKey(tenant, issue(expires), "key-2"), ...inForce("key-2"));
}

const acts = (tenant: TenantState) =>
  tenant === null ? [] : dueActs(tenant).map((act) => `${act.do} ${"key" in act ? act.key.key_id : ""}`);
const told = (facts: TenantFact[]) =>
  facts.map((fact) => (fact.type === "TenantCommandRejected" ? `${fact.status} ${fact.reason}` : fact.type));

test("the old key's grace time begins when the new one is in force, then it is told and retired", () => {
  const tenant = tenantWith();
  const requested = given(tenant, NOW, ...decideRotateKey(tenant, rotate("key-2"), "key-3"));
  assert.deepEqual(acts(requested), ["issue key key-3"]);
  assert.equal(keyOf(requested, "key-2")?.expires_at, null, "as long as there is no new one");
  const rotated = given(requested, NOW + 10 * HOUR, ...inForce("key-3"));
  assert.equal(keyOf(rotated, "key-2")?.expires_at, NOW + 11 * HOUR);
  assert.deepEqual(keyOf(rotated, "key-3")?.scopes, ["read"]);
  assert.equal(keyOf(rotated, "key-3")?.expires_at, null);
  assert.deepEqual(acts(rotated), ["announce end key-2"]);
  const announced = given(rotated, NOW + 10 * HOUR, { type: "KeyEndAnnounced", key_id: "key-2" });
  assert.deepEqual(acts(announced), ["retire key key-2"]);
  const revoked = {
    type: "KeyRevoked",
    command_id: null,
    key_id: "key-2",
    reply_to: null,
    by: null,
  } as const;
  assert.deepEqual(acts(given(announced, NOW + 11 * HOUR, revoked)), ["announce revocation key-2"]);
});

test("the new key lives as long as the old one was given, and no grace time makes the old one live longer", () => {
  const tenant = tenantWith(2 * HOUR);
  const at = NOW + HOUR + 30 * 60_000;
  const facts = decideRotateKey(tenant, rotate("key-2", {}, at), "key-3");
  const rotated = given(tenant, at, ...facts, ...inForce("key-3"));
  assert.equal(keyOf(rotated, "key-3")?.expires_at, at + 2 * HOUR);
  assert.equal(keyOf(rotated, "key-2")?.expires_at, NOW + 2 * HOUR);
});

test("a grace time is bounded, whatever a command says", () => {
  for (const [grace_ms, end] of [
    [1e15, MAX_GRACE_MS],
    [-5, 0],
  ] as const) {
    const tenant = tenantWith();
    const facts = decideRotateKey(tenant, rotate("key-2", { grace_ms }), "key-3");
    assert.equal(keyOf(given(tenant, NOW, ...facts, ...inForce("key-3")), "key-2")?.expires_at, NOW + end);
  }
});

test("only a key in force is rotated, and once", () => {
  const tenant = tenantWith(HOUR);
  const again = (state: TenantState, at = NOW) =>
    told(decideRotateKey(state, rotate("key-2", {}, at), "key-4"));
  assert.deepEqual(told(decideRotateKey(null, rotate("key-2"), "k")), ["404 key-not-found"]);
  assert.deepEqual(told(decideRotateKey(tenant, rotate("nobody"), "k")), ["404 key-not-found"]);
  assert.deepEqual(again(tenant, NOW + HOUR), ["409 key-not-active"], "it has expired");
  const revoked = given(tenant, NOW, {
    type: "KeyRevoked",
    command_id: null,
    key_id: "key-2",
    reply_to: null,
    by: null,
  });
  assert.deepEqual(again(revoked), ["409 key-not-active"]);
  const requested = given(tenant, NOW, ...decideRotateKey(tenant, rotate("key-2"), "key-3"));
  assert.deepEqual(again(requested), ["409 key-rotated"], "while the new one is made");
  assert.deepEqual(again(given(requested, NOW, ...inForce("key-3"))), ["409 key-rotated"], "then, too");
});

test("a repeat with the same Idempotency-Key replaces the new key, and the old one's end stays", () => {
  const idempotency = { key: "rotate|k", body_hash: "h" };
  const tenant = tenantWith();
  const first = decideRotateKey(tenant, rotate("key-2", { idempotency }), "key-3");
  const rotated = given(tenant, NOW, ...first, ...inForce("key-3"));
  const later = NOW + 2 * HOUR;
  const repeat = decideRotateKey(rotated, rotate("key-2", { idempotency }, later), "key-4");
  assert.deepEqual(told(repeat), ["KeyRequested", "KeyRevoked"]);
  const state = given(rotated, later, ...repeat, ...inForce("key-4"));
  assert.equal(keyOf(state, "key-3")?.phase, "REVOKED");
  assert.equal(keyOf(state, "key-4")?.expires_at, null);
  assert.equal(keyOf(state, "key-2")?.expires_at, NOW + HOUR);
  const other = rotate("key-2", { idempotency: { ...idempotency, body_hash: "other" } });
  assert.deepEqual(told(decideRotateKey(rotated, other, "key-5")), ["422 idempotency-key-reused"]);
});

test("where the new key cannot be encrypted, the old one lives on and can be rotated again", () => {
  const tenant = tenantWith();
  const requested = given(tenant, NOW, ...decideRotateKey(tenant, rotate("key-2"), "key-3"));
  const failure = { key_id: "key-3", status: 503, reason: "key-not-encrypted", detail: "" };
  const failed = given(requested, NOW, { type: "KeyFailed", ...failure });
  assert.equal(keyOf(failed, "key-3")?.phase, "DEAD");
  assert.equal(keyOf(failed, "key-2")?.expires_at, null);
  assert.deepEqual(acts(failed), []);
  assert.deepEqual(told(decideRotateKey(failed, rotate("key-2"), "key-4")), ["KeyRequested"]);
});
