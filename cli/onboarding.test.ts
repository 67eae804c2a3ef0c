import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { z } from "zod";
import { localClient } from "./demo/bigquery.ts";
import { type Answer, call, eventually, onboard, tenantClient } from "./testing/http.ts";
import { freshPlace, type Place, type Platform, startPlatform } from "./testing/platform.ts";

const PROJECT = "gac-prod-471220";

describe("onboarding again", () => {
  let place: Place;
  let platform: Platform;
  let admin: Record<string, string>;

  before(async () => {
    place = await freshPlace();
    platform = await startPlatform(place);
    admin = { "X-Admin-Key": (await readFile(path.join(place.dataDir, "admin-key"), "utf8")).trim() };
  });
  after(async () => {
    await platform.end("SIGKILL");
    await place.remove();
  });

  const client = () => localClient(platform.bigQueryUrl, PROJECT);
  const query = async (sql: string) => (await client().query({ query: sql }))[0];
  const again = (body: object, headers: Record<string, string> = {}): Promise<Answer> =>
    call(`${platform.url}/api/v1/customers/onboard`, "POST", body, headers);
  const delivered = (tenant: string) =>
    eventually(
      () => again({ tenant_id: tenant }),
      ({ status }) => status === 409,
    );

  test("a delivered tenant is refused, and told what may be done", async () => {
    await onboard(platform.url, "again_1");
    const { body } = await delivered("again_1");
    assert.match(String(body.detail), /force/);
  });

  test("force flags need the admin key", async () => {
    await onboard(platform.url, "again_2");
    await delivered("again_2");
    for (const flag of ["force_recreate_dataset", "force_recreate_tables"]) {
      const { status } = await again({ tenant_id: "again_2", [flag]: true });
      assert.ok(status === 401 || status === 403, `${flag}: ${status}`);
    }
  });

  test("force_recreate_dataset drops the tenant's data and keys and makes all anew", async () => {
    const old = tenantClient(platform.url, "again_3", await onboard(platform.url, "again_3"));
    await query(`CREATE TABLE \`${PROJECT}.again_3.own\` AS SELECT 1 AS n`);
    assert.equal(
      (await old.finished((await old.run("gcp/example/noop")).body.pipeline_logging_id)).body.status,
      "COMPLETE",
    );
    await delivered("again_3");
    const answer = await again({ tenant_id: "again_3", force_recreate_dataset: true }, admin);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal(answer.body.dataset_created, true);
    assert.equal(answer.body.dryrun_status, "SUCCESS");
    assert.equal((await old.get("/api/v1/pipelines/runs")).status, 401, "the old key is revoked");
    const [tables] = await client().dataset("again_3").getTables();
    assert.equal(tables.length, 5, "the tenant's own table is gone");
    const fresh = tenantClient(platform.url, "again_3", z.string().parse(answer.body.api_key));
    const run = await fresh.run("gcp/example/noop");
    assert.equal((await fresh.finished(run.body.pipeline_logging_id)).body.status, "COMPLETE");
    // Earlier runs may be there too: their rows were still on their way when the dataset went.
    await eventually(
      () =>
        query(
          `SELECT status FROM \`${PROJECT}.again_3.pipeline_runs\` WHERE pipeline_logging_id = '${run.body.pipeline_logging_id}'`,
        ),
      (found) => found.length === 1 && found[0].status === "COMPLETE",
    );
    const keys = await query(`SELECT is_active FROM \`${PROJECT}.again_3.api_keys\``);
    assert.deepEqual(
      keys.map(({ is_active }) => is_active),
      [true],
    );
  });

  test("force_recreate_tables keeps the tenant's own tables", async () => {
    await onboard(platform.url, "again_4");
    await query(`CREATE TABLE \`${PROJECT}.again_4.own\` AS SELECT 1 AS n`);
    await delivered("again_4");
    const answer = await again({ tenant_id: "again_4", force_recreate_tables: true }, admin);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal(answer.body.dataset_created, false);
    const [tables] = await client().dataset("again_4").getTables();
    assert.deepEqual(tables.map(({ id }) => id).sort(), [
      "api_keys",
      "cloud_credentials",
      "dq_results",
      "own",
      "pipeline_runs",
      "step_logs",
    ]);
    assert.deepEqual(await query(`SELECT n FROM \`${PROJECT}.again_4.own\``), [{ n: 1 }]);
  });

  test("a dataset that is not ours is neither used nor deleted", async () => {
    await client().createDataset("foreign_5", { location: "US", labels: { tenant: "foreign_5" } });
    await query(`CREATE TABLE \`${PROJECT}.foreign_5.own\` AS SELECT 1 AS n`);
    const plain = await again({ tenant_id: "foreign_5" });
    assert.equal(plain.status, 409, JSON.stringify(plain.body));
    assert.match(String(plain.body.detail), /foreign_5/);
    const forced = await again({ tenant_id: "foreign_5", force_recreate_dataset: true }, admin);
    assert.equal(forced.status, 409, JSON.stringify(forced.body));
    assert.deepEqual(await query(`SELECT n FROM \`${PROJECT}.foreign_5.own\``), [{ n: 1 }]);
    await client().dataset("foreign_5").delete({ force: true });
    assert.equal(
      (await again({ tenant_id: "foreign_5" })).status,
      200,
      "once it is gone, a repeat begins anew",
    );
  });

  test("the same Idempotency-Key gives a new key in place of the one that may be lost; another body is refused", async () => {
    const headers = { "Idempotency-Key": "once" };
    const first = await again({ tenant_id: "again_6" }, headers);
    const second = await again({ tenant_id: "again_6" }, headers);
    assert.equal(second.status, 200, JSON.stringify(second.body));
    assert.notEqual(second.body.api_key, first.body.api_key);
    const works = async (answer: Answer) =>
      (
        await call(`${platform.url}/api/v1/pipelines/runs`, "GET", undefined, {
          "X-API-Key": String(answer.body.api_key),
        })
      ).status;
    assert.equal(await works(second), 200);
    await eventually(
      () => works(first),
      (status) => status === 401,
      1_000,
    );
    const other = await again(
      { tenant_id: "again_6", force_recreate_tables: true },
      { ...headers, ...admin },
    );
    assert.equal(other.status, 422);
  });

  test("the platform's tenants table has one row for each tenant", async () => {
    const rows = await query(
      `SELECT tenant_id, is_active, subscription_tier FROM \`${PROJECT}.convergence_platform.tenants\` ORDER BY tenant_id`,
    );
    assert.deepEqual(
      rows.map(({ tenant_id, is_active }) => `${tenant_id} ${is_active}`),
      ["again_1", "again_2", "again_3", "again_4", "again_6", "foreign_5"].map((tenant) => `${tenant} true`),
    );
  });

  test("no key is readable in the data folder", async () => {
    const key = await onboard(platform.url, "again_7");
    await platform.end("SIGTERM");
    for (const file of ["bus.sqlite", "gateway.sqlite", "gateway.sqlite-outbox", "bigquery.duckdb"]) {
      const bytes = await readFile(path.join(place.dataDir, file));
      assert.equal(bytes.includes(key), false, file);
      assert.equal(bytes.includes(key.slice(-16)), false, file);
    }
  });
});
