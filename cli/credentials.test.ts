import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { localClient } from "./demo/bigquery.ts";
import { type Answer, call, eventually, onboard } from "./testing/http.ts";
import { STAGES, type Stage } from "./testing/stages.ts";

const TENANT = "Secretive_1";
const PROJECT = "gac-prod-471220";
/** Shows up wherever a secret leaks. */
const CANARY = "canary-8c1f2d6b";

for (const [name, open] of Object.entries(STAGES)) {
  describe(`credentials: ${name}`, () => {
    let stage: Stage;
    let key = "";

    before(async () => {
      stage = await open({ LOG_LEVEL: "debug" });
      key = await onboard(stage.url, TENANT, stage.onboarding);
    });
    after(() => stage?.close());

    const path = (of = "") => `${stage.url}/api/v1/customers/${TENANT}/credentials${of}`;
    const ask = (method: string, of = "", body?: unknown, headers = {}): Promise<Answer> =>
      call(path(of), method, body, { "X-API-Key": key, ...headers });
    const rows = async (): Promise<Record<string, unknown>[]> => {
      const query = `SELECT * FROM \`${TENANT}.cloud_credentials\` ORDER BY is_active`;
      return (await localClient(stage.bigQueryUrl, PROJECT).query({ query }))[0];
    };
    const bearer = (value: string) => ({ provider: "vendor", credential_type: "bearer", value });

    test("a credential is set, shown without its secret, replaced and deleted", async () => {
      const set = await ask("PUT", "/vendor-api", bearer(`${CANARY}-1`));
      assert.equal(set.status, 200, JSON.stringify(set.body));
      const { created_at, updated_at, ...shown } = set.body;
      assert.deepEqual(shown, { name: "vendor-api", provider: "vendor", credential_type: "bearer" });
      assert.deepEqual((await ask("GET", "/vendor-api")).body, set.body);

      const replaced = await ask("PUT", "/vendor-api", bearer(`${CANARY}-2`));
      assert.equal(replaced.status, 200);
      assert.equal(replaced.body.created_at, created_at);
      assert.ok(String(replaced.body.updated_at) > String(updated_at));
      const list = await ask("GET");
      assert.deepEqual(list.body, { tenant_id: TENANT, credentials: [replaced.body] });

      const stored = await eventually(rows, (found) => found.length === 2 && found[0]?.is_active === false);
      assert.deepEqual(
        stored.map((row) => row.is_active),
        [false, true],
      );
      const [before, now] = stored.map((row) => row.encrypted_value);
      assert.ok(Buffer.isBuffer(before) && Buffer.isBuffer(now));
      assert.equal(before.length, 0, "the ciphertext of the one before is gone");
      assert.ok(now.length > 60);

      assert.equal((await ask("DELETE", "/vendor-api")).status, 204);
      assert.equal((await ask("GET", "/vendor-api")).status, 404);
      assert.equal((await ask("DELETE", "/vendor-api")).status, 404);
      await eventually(rows, (found) => found.every((row) => row.is_active === false));
    });

    test("a repeat with the same Idempotency-Key stores nothing again", async () => {
      const once = { "Idempotency-Key": "set-1" };
      const first = await ask("PUT", "/repeated", bearer(`${CANARY}-3`), once);
      const again = await ask("PUT", "/repeated", bearer(`${CANARY}-3`), once);
      assert.deepEqual([again.status, again.body], [200, first.body]);
      const other = { ...bearer(`${CANARY}-3`), provider: "another" };
      assert.equal((await ask("PUT", "/repeated", other, once)).status, 422);
    });

    test("what is malformed is refused, and no refusal repeats the secret", async () => {
      const bad: [string, unknown][] = [
        ["/Upper", bearer(CANARY)],
        ["/x", bearer(`${CANARY} with blanks`)],
        ["/x", { ...bearer(CANARY), credential_type: CANARY }],
        ["/x", { ...bearer(CANARY), provider: "No Provider" }],
        ["/x", { provider: "p", credential_type: "service_account_json", value: `{"${CANARY}"` }],
        ["/x", { ...bearer(""), value: { nested: CANARY } }],
        ["/x", bearer(CANARY.repeat(6_000))],
      ];
      for (const [of, body] of bad) {
        const answer = await ask("PUT", of, body);
        assert.equal(answer.status, 422, JSON.stringify(answer.body));
        assert.ok(!JSON.stringify(answer.body).includes(CANARY), JSON.stringify(answer.body));
      }
      const cut = await ask("PUT", "/x", `{"provider": "p", "value": "${CANARY}`);
      assert.equal(cut.status, 400);
      assert.ok(!JSON.stringify(cut.body).includes(CANARY));
    });

    test("the largest secret is stored", async () => {
      const value = `u:${CANARY}${"x".repeat(65_536 - 2 - CANARY.length)}`;
      const body = { provider: "p", credential_type: "basic", value };
      const answer = await ask("PUT", "/large", body);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
    });

    test("the audit log tells who set and deleted what", async () => {
      const { body } = await call(
        `${stage.url}/api/v1/customers/${TENANT}/audit?limit=200`,
        "GET",
        undefined,
        {
          "X-API-Key": key,
        },
      );
      const entries = JSON.parse(JSON.stringify(body.entries)).map(
        (entry: Record<string, unknown>) => `${entry.action} ${entry.credential} ${entry.outcome}`,
      );
      for (const told of [
        "credential.set vendor-api accepted",
        "credential.set vendor-api done",
        "credential.delete vendor-api accepted",
        "credential.set repeated accepted",
      ]) {
        assert.ok(entries.includes(told), told);
      }
    });

    test("after a restart they are there still, and the secret is nowhere in logs and topics", async () => {
      await stage.stop();
      const bus = await stage.openBus();
      let records = 0;
      const topics = [
        "tenant.commands",
        "tenant.events",
        "tenants",
        "credentials",
        "sealing-keys",
        "tenant.replies",
      ];
      const view = await bus.view({ topics, from: "low" }, ({ value, topic }) => {
        records += 1;
        assert.ok(!value || !Buffer.from(value).includes(CANARY), topic);
      });
      await view.caughtUp();
      await view.stop();
      await bus.close();
      assert.ok(records > 20);
      await stage.restart();
      assert.equal((await ask("GET", "/repeated")).status, 200);
      assert.ok(!JSON.stringify(await stage.logged()).includes(CANARY));
    });
  });
}
