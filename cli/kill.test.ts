import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { z } from "zod";
import { localClient } from "./demo/bigquery.ts";
import { configsWith } from "./testing/configs.ts";
import { call, eventually, tenantClient } from "./testing/http.ts";
import { freshPlace, type Place, type Platform, startPlatform } from "./testing/platform.ts";

const PROJECT = "gac-prod-471220";
const MOMENTS = 10;

const APPEND = `pipeline_id: "{pipeline_id}"
description: "Appends a row, three times over"
steps:
  - { step_id: first, type: bigquery_query, query: "SELECT '{run_id}' AS run_id, 1 AS step", destination: { table: appended, write_mode: append } }
  - { step_id: second, type: bigquery_query, query: "SELECT '{run_id}' AS run_id, 2 AS step", destination: { table: appended, write_mode: append } }
  - { step_id: third, type: bigquery_query, query: "SELECT '{run_id}' AS run_id, 3 AS step", destination: { table: appended, write_mode: append } }
`;

/** Kills the platform `ms` milliseconds after a request was sent, whether it was answered or not. */
async function killedAfter(platform: Platform, ms: number, request: Promise<unknown>): Promise<void> {
  const settled = request.catch(() => undefined);
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
  await platform.end("SIGKILL");
  await settled;
}

describe("kill -9", () => {
  let place: Place;
  let configs: string;
  let platform: Platform;
  const env = () => ({ CONVERGENCE_CONFIGS_DIR: configs });
  const query = async (sql: string) =>
    (await localClient(platform.bigQueryUrl, PROJECT).query({ query: sql }))[0];

  before(async () => {
    place = await freshPlace();
    configs = await configsWith({ append: APPEND });
    platform = await startPlatform(place, env());
  });
  after(async () => {
    await platform.end("SIGKILL");
    await place.remove();
    await rm(configs, { recursive: true });
  });

  const onboarding = (tenant: string) =>
    call(
      `${platform.url}/api/v1/customers/onboard`,
      "POST",
      { tenant_id: tenant },
      { "Idempotency-Key": `onboard-${tenant}` },
    );

  test("at ten moments of an onboarding: one tenant, one key that works", async () => {
    for (let moment = 0; moment < MOMENTS; moment += 1) {
      const tenant = `killed_${moment}`;
      await killedAfter(platform, 4 + moment * 14, onboarding(tenant));
      platform = await startPlatform(place, env());
      const { status, body } = await onboarding(tenant);
      assert.equal(status, 200, `moment ${moment}: ${JSON.stringify(body)}`);
      assert.equal(body.dryrun_status, "SUCCESS");
      const client = tenantClient(platform.url, tenant, z.string().parse(body.api_key));
      const run = await client.run("gcp/example/noop");
      assert.equal(run.status, 200, `moment ${moment}: the key works`);
      const keys = await eventually(
        () => query(`SELECT api_key_id FROM \`${PROJECT}.${tenant}.api_keys\` WHERE is_active`),
        (rows) => rows.length === 1,
      );
      assert.equal(keys.length, 1);
      const [{ n }] = await query(
        `SELECT COUNT(*) AS n FROM \`${PROJECT}.convergence_platform.tenants\` WHERE tenant_id = '${tenant}'`,
      );
      assert.equal(n, 1);
      const tables = await localClient(platform.bigQueryUrl, PROJECT).dataset(tenant).getTables();
      assert.equal(tables[0].length, 5, "no table is left over");
    }
  });

  test("at ten moments of a run: one run, one terminal state, each step's rows once", async () => {
    const onboarded = await onboarding("runner_tenant");
    const key = z.string().parse(onboarded.body.api_key);
    const client = () => tenantClient(platform.url, "runner_tenant", key);
    for (let moment = 0; moment < MOMENTS; moment += 1) {
      const submit = () => client().run("gcp/example/append", {}, { "Idempotency-Key": `run-${moment}` });
      await killedAfter(platform, 3 + moment * 9, submit());
      platform = await startPlatform(place, env());
      const { status, body } = await submit();
      assert.equal(status, 200, `moment ${moment}: ${JSON.stringify(body)}`);
      const detail = await client().finished(body.pipeline_logging_id);
      assert.equal(detail.body.status, "COMPLETE", `moment ${moment}: ${JSON.stringify(detail.body)}`);
      const rows = await query(
        `SELECT step FROM \`${PROJECT}.runner_tenant.appended\` WHERE run_id = '${body.pipeline_logging_id}' ORDER BY step`,
      );
      assert.deepEqual(
        rows.map(({ step }) => step),
        [1, 2, 3],
        `moment ${moment}`,
      );
    }
    const { body } = await client().get("/api/v1/pipelines/runs?limit=200");
    const runs = z.array(z.object({ pipeline_id: z.string(), status: z.string() })).parse(body.runs);
    const appends = runs.filter(({ pipeline_id }) => pipeline_id.endsWith("-append"));
    assert.equal(appends.length, MOMENTS, "a repeat with its key is the same run");
    const projected = await eventually(
      () =>
        query(
          `SELECT pipeline_logging_id, status FROM \`${PROJECT}.runner_tenant.pipeline_runs\` WHERE pipeline_id LIKE '%-append'`,
        ),
      (rows) => rows.length === MOMENTS && rows.every(({ status }) => status === "COMPLETE"),
    );
    assert.equal(new Set(projected.map(({ pipeline_logging_id }) => pipeline_logging_id)).size, MOMENTS);
  });
});
