import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeleteCredential, EventMeta, SetCredential } from "@convergence/contracts";
import {
  credentialOf,
  decideDeleteCredential,
  decideOnboard,
  decideSetCredential,
  dueActs,
  evolve,
  MAX_CREDENTIALS,
  MAX_UNSETTLED_CREDENTIALS,
  type Tenant,
  type TenantFact,
  type TenantState,
} from "./index.ts";

const NOW = 1_763_200_000_000;
const asked = {
  reply_to: { gateway: "gateway-1", public_key: Buffer.from("public") },
  by: { actor: "admin", request_id: "r-1" },
};
const head = (at: number, command_id = "c") => ({
  command_id,
  tenant_id: "acme",
  at,
  sent_by: "gateway-1",
});

function set(name: string, idempotencyKey: string | null = null, body_hash = "b", at = NOW): SetCredential {
  return {
    type: "SetCredential",
    meta: head(at),
    name,
    provider: "vendor",
    credential_type: "bearer",
    sealed: Buffer.from("sealed"),
    sealing_key_id: "s",
    idempotency: idempotencyKey === null ? null : { key: idempotencyKey, body_hash },
    ...asked,
  };
}

function remove(name: string): DeleteCredential {
  return { type: "DeleteCredential", meta: head(NOW), name, ...asked };
}

function given(start: TenantState, ...facts: TenantFact[]): Tenant {
  const meta: EventMeta = { tenant_id: "acme", epoch: 0, version: 1, at: NOW, cause: null };
  const state = facts.reduce<TenantState>((now, fact) => evolve(now, { ...fact, meta }), start);
  assert.ok(state !== null);
  return state;
}

function active(): Tenant {
  const onboarding = decideOnboard(
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
    { keyId: "key-1", runId: "run-1", tier: "FREE", trace: null },
  );
  return given(null, ...onboarding, {
    type: "OnboardingFinished",
    dryrun_status: "SUCCESS",
    dryrun_error: null,
  });
}

const stored = (credential_id: string, name: string): TenantFact => ({
  type: "CredentialStored",
  credential_id,
  name,
  encrypted: Buffer.from(credential_id),
});

/** Sets a credential and has it stored and put into the table. */
function settled(tenant: Tenant, id: string, name: string, idempotencyKey: string | null = null): Tenant {
  return given(tenant, ...decideSetCredential(tenant, set(name, idempotencyKey), id), stored(id, name), {
    type: "CredentialRecorded",
    credential_id: id,
  });
}

const acts = (tenant: Tenant) =>
  dueActs(tenant).flatMap((act) =>
    "credential" in act ? [`${act.do} ${act.credential.credential_id}`] : [],
  );
const refusal = (facts: TenantFact[]) =>
  facts.map((fact) => (fact.type === "TenantCommandRejected" ? `${fact.status} ${fact.reason}` : fact.type));

test("a credential is stored, then recorded; the one before is in force until then, and forgotten after", () => {
  const first = settled(active(), "v1", "api");
  assert.equal(credentialOf(first, "api")?.credential_id, "v1");
  assert.deepEqual(acts(first), []);

  const requested = given(first, ...decideSetCredential(first, set("api"), "v2"));
  assert.deepEqual(acts(requested), ["store credential v2"]);
  assert.equal(credentialOf(requested, "api")?.credential_id, "v1");

  const replaced = given(requested, stored("v2", "api"));
  assert.equal(credentialOf(replaced, "api")?.credential_id, "v2");
  assert.deepEqual(acts(replaced), ["forget credential v1", "record credential v2"]);
  assert.equal(replaced.credentials.at(-1)?.sealed, null);

  const done = given(
    replaced,
    { type: "CredentialRecorded", credential_id: "v2" },
    { type: "CredentialForgotten", credential_id: "v1" },
  );
  assert.deepEqual(acts(done), []);
  assert.ok(done.credentials.every(({ sealed, encrypted }) => sealed === null && encrypted === null));
});

test("of two that are stored out of turn the one asked for last is in force", () => {
  const tenant = active();
  const both = given(
    tenant,
    ...decideSetCredential(tenant, set("api"), "v1"),
    ...decideSetCredential(tenant, set("api"), "v2"),
    stored("v2", "api"),
    stored("v1", "api"),
  );
  assert.equal(credentialOf(both, "api")?.credential_id, "v2");
  assert.deepEqual(acts(both), ["forget credential v1", "record credential v2"]);
});

test("what is deleted is not in force, though it be stored late, and cannot be deleted twice", () => {
  const first = settled(active(), "v1", "api");
  const requested = given(first, ...decideSetCredential(first, set("api"), "v2"));
  const deleted = given(requested, ...decideDeleteCredential(requested, remove("api")), stored("v2", "api"));
  assert.equal(credentialOf(deleted, "api"), undefined);
  assert.deepEqual(acts(deleted), ["forget credential v1", "forget credential v2"]);
  assert.deepEqual(refusal(decideDeleteCredential(deleted, remove("api"))), ["404 credential-not-found"]);
  assert.deepEqual(refusal(decideDeleteCredential(deleted, remove("other"))), ["404 credential-not-found"]);
});

test("a repeat with the same Idempotency-Key is answered as then, and undoes nothing that came after", () => {
  const first = settled(active(), "v1", "api", "K");
  assert.deepEqual(refusal(decideSetCredential(first, set("api", "K"), "v2")), ["CredentialRepeated"]);
  const replaced = settled(first, "v2", "api");
  assert.deepEqual(refusal(decideSetCredential(replaced, set("api", "K"), "v3")), ["CredentialRepeated"]);
  assert.deepEqual(refusal(decideSetCredential(first, set("api", "K", "other"), "v2")), [
    "422 idempotency-key-reused",
  ]);
  const dayLater = set("api", "K", "b", NOW + 24 * 3_600_000);
  assert.deepEqual(refusal(decideSetCredential(first, dayLater, "v2")), ["CredentialRequested"]);
});

test("one that failed is gone, and a repeat begins anew", () => {
  const tenant = active();
  const failed = given(tenant, ...decideSetCredential(tenant, set("api", "K"), "v1"), {
    type: "CredentialFailed",
    credential_id: "v1",
    name: "api",
    status: 503,
    reason: "credential-not-encrypted",
    detail: "",
  });
  assert.deepEqual(acts(failed), []);
  assert.equal(credentialOf(failed, "api"), undefined);
  assert.deepEqual(refusal(decideSetCredential(failed, set("api", "K"), "v2")), ["CredentialRequested"]);
});

test("a tenant stays one record: so many names, so many under way, so many dead", () => {
  let tenant = active();
  for (let n = 0; n < MAX_UNSETTLED_CREDENTIALS; n += 1) {
    tenant = given(tenant, ...decideSetCredential(tenant, set(`api-${n}`), `v${n}`));
  }
  assert.deepEqual(refusal(decideSetCredential(tenant, set("one-more"), "v")), ["503 credentials-unsettled"]);

  tenant = active();
  for (let n = 0; n < MAX_CREDENTIALS; n += 1) tenant = settled(tenant, `v${n}`, `api-${n}`);
  assert.deepEqual(refusal(decideSetCredential(tenant, set("one-more"), "v")), ["409 too-many-credentials"]);
  assert.deepEqual(refusal(decideSetCredential(tenant, set("api-1"), "v")), ["CredentialRequested"]);
  for (let n = 0; n < 2 * MAX_CREDENTIALS; n += 1) {
    const before = credentialOf(tenant, "api-0")?.credential_id ?? "";
    tenant = given(settled(tenant, `w${n}`, "api-0"), { type: "CredentialForgotten", credential_id: before });
  }
  assert.equal(tenant.credentials.length, 2 * MAX_CREDENTIALS);
});

test("a dataset that is made anew ends them all", () => {
  const tenant = settled(active(), "v1", "api");
  const facts = decideOnboard(
    tenant,
    {
      type: "OnboardTenant",
      meta: head(NOW),
      tenant_name: "Acme",
      force_recreate_dataset: true,
      force_recreate_tables: false,
      idempotency: null,
      ...asked,
    },
    { keyId: "key-2", runId: "run-2", tier: "FREE", trace: null },
  );
  const anew = given(tenant, ...facts);
  assert.equal(credentialOf(anew, "api"), undefined);
  assert.ok(acts(anew).includes("forget credential v1"));
});

test("a tenant that is not active stores none", () => {
  assert.deepEqual(refusal(decideSetCredential(null, set("api"), "v1")), ["409 tenant-not-active"]);
});
