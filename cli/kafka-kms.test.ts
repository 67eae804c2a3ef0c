import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type KafkaBroker, startBroker } from "@convergence/bus/kafka/testing/broker.ts";
import { type Fault, type KmsServer, kmsServer } from "@convergence/keys/cloud-kms/testing/kms-server.ts";
import { z } from "zod";
import { localClient } from "./demo/bigquery.ts";
import { type Cluster, cluster } from "./testing/cluster.ts";
import { call, eventually, onboard } from "./testing/http.ts";

const TENANT = "kms_1";
const KEY_NAME = "projects/gac-prod-471220/locations/us/keyRings/convergence/cryptoKeys/api-keys";
const KEYS = `/api/v1/customers/${TENANT}/api-keys`;
const DENIED: Fault = { fails: 7, details: "Permission 'useToEncrypt' denied" };

const shown = z.object({ key_id: z.string(), api_key: z.string() });
const rotated = shown.extend({ replaces: z.object({ key_id: z.string(), expires_at: z.string() }) });

describe("keys under Cloud KMS, chosen by the environment", () => {
  let broker: KafkaBroker;
  let platform: Cluster;
  let kms: KmsServer;
  let url = "";
  let key = "";

  before(async () => {
    broker = await startBroker();
    platform = await cluster(broker.address);
    kms = await kmsServer(KEY_NAME);
    const gateway = await platform.start("gateway");
    const services = [
      gateway,
      await platform.start("tenant-service", { KMS_KEY_NAME: KEY_NAME, KMS_ENDPOINT: kms.endpoint }),
      await platform.start("pipeline-service"),
      await platform.start("step-runner"),
    ];
    await Promise.all(services.map((service) => service.ready()));
    // The pair that credentials are sealed to is made in the background: a fault of these tests is not meant for it.
    await eventually(
      async () => kms.asked.length,
      (asked) => asked > 0,
    );
    url = z.string().parse(gateway.url);
  });
  after(async () => {
    await platform?.close();
    kms?.close();
    await broker?.dispose();
  });

  const admin = () => ({ "X-Admin-Key": platform.adminKey });
  const ask = (path: string, method: string, body: object, headers: Record<string, string> = {}) =>
    call(`${url}${path}`, method, body, { "X-API-Key": key, ...headers });
  const lets = async (apiKey: string) =>
    (await call(`${url}/api/v1/pipelines/runs`, "GET", undefined, { "X-API-Key": apiKey })).status;

  test("an onboarding ends with a clear error while KMS refuses, stores no key, and a repeat finishes it", async () => {
    kms.faults.push(DENIED);
    const refused = await call(`${url}/api/v1/customers/onboard`, "POST", { tenant_id: TENANT }, admin());
    assert.equal(refused.status, 503, JSON.stringify(refused.body));
    assert.equal(refused.body.type, "/problems/key-not-encrypted");
    const rows = async () => {
      const query = `SELECT encrypted_api_key FROM \`gac-prod-471220.${TENANT}.api_keys\``;
      const [found] = await localClient(platform.bigQueryUrl, "gac-prod-471220").query({ query });
      return z.array(z.object({ encrypted_api_key: z.instanceof(Buffer) })).parse(found);
    };
    assert.deepEqual(await rows(), []);
    key = await onboard(url, TENANT, admin());
    const [row] = await rows();
    assert.equal(row?.encrypted_api_key[0], 2, "a ciphertext of Cloud KMS");
    assert.equal(await lets(key), 200);
  });

  test("an issue that KMS refuses is told so, and a repeat issues one key", async () => {
    kms.faults.push(DENIED);
    const headers = { "Idempotency-Key": "issue-1" };
    const refused = await ask(KEYS, "POST", {}, headers);
    assert.deepEqual([refused.status, refused.body.type], [503, "/problems/key-not-encrypted"]);
    const issued = shown.parse((await ask(KEYS, "POST", {}, headers)).body);
    assert.equal(await lets(issued.api_key), 200);
    const { body } = await call(`${url}${KEYS}`, "GET", undefined, { "X-API-Key": key });
    assert.equal(z.array(z.object({})).parse(body.api_keys).length, 2);
  });

  test("the tenant reads who asked for what, what was refused among it, by the request's id", async () => {
    const headers = { "X-Request-Id": "audited-1" };
    await ask(`${KEYS}/nobody`, "DELETE", {}, headers);
    const path = `${url}/api/v1/customers/${TENANT}/audit`;
    const { body } = await call(path, "GET", undefined, { "X-API-Key": key });
    const entries = z.array(z.record(z.string(), z.unknown())).parse(body.entries);
    const [newest] = entries;
    assert.deepEqual(
      [newest?.action, newest?.outcome, newest?.reason, newest?.request_id],
      ["api-key.revoke", "refused", "key-not-found", "audited-1"],
    );
    assert.match(String(newest?.actor), /^key:./);
    const onboardings = entries.filter(({ action }) => action === "tenant.onboard").toReversed();
    assert.deepEqual(
      onboardings.map(({ actor, outcome, reason }) => [actor, outcome, reason]),
      [
        ["admin", "accepted", null],
        ["platform", "failed", "key-not-encrypted"],
        ["admin", "accepted", null],
        ["platform", "done", null],
      ],
    );
    assert.ok(!JSON.stringify(body).includes("_api_"));
  });

  test("a rotated key works on for its grace time; a repeat replaces the new one alone", async () => {
    const old = shown.parse((await ask(KEYS, "POST", { scopes: ["read"] })).body);
    const path = `${KEYS}/${old.key_id}/rotate`;
    const headers = { "Idempotency-Key": "rotate-1" };
    const begun = Date.now();
    const first = rotated.parse((await ask(path, "POST", { grace_seconds: 600 }, headers)).body);
    assert.equal(first.replaces.key_id, old.key_id);
    const grace = Date.parse(first.replaces.expires_at) - begun;
    assert.ok(grace >= 600_000 && grace < 660_000, `${grace} ms`);
    assert.deepEqual([await lets(old.api_key), await lets(first.api_key)], [200, 200]);
    const second = rotated.parse((await ask(path, "POST", { grace_seconds: 600 }, headers)).body);
    assert.notEqual(second.api_key, first.api_key);
    assert.equal(second.replaces.expires_at, first.replaces.expires_at);
    await eventually(
      () => lets(first.api_key),
      (status) => status === 401,
    );
    assert.deepEqual([await lets(old.api_key), await lets(second.api_key)], [200, 200]);
    const again = await ask(path, "POST", {});
    assert.deepEqual([again.status, again.body.type], [409, "/problems/key-rotated"]);
    for (const grace_seconds of [0, 59, 604_801]) {
      assert.equal((await ask(path, "POST", { grace_seconds })).status, 422, `${grace_seconds}`);
    }
    const listed = await call(`${url}${KEYS}`, "GET", undefined, { "X-API-Key": key });
    const states = z
      .array(z.object({ key_id: z.string(), status: z.string(), expires_at: z.string().nullable() }))
      .parse(listed.body.api_keys);
    const ending = states.find(({ key_id }) => key_id === old.key_id);
    assert.deepEqual([ending?.status, ending?.expires_at], ["ACTIVE", first.replaces.expires_at]);
  });
});
