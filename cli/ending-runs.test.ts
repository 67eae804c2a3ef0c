import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { z } from "zod";
import { localClient } from "./demo/bigquery.ts";
import { configsWith } from "./testing/configs.ts";
import { type Answer, call, eventually, onboard, type TenantClient, tenantClient } from "./testing/http.ts";
import { freshPlace, type Place, type Platform, startPlatform } from "./testing/platform.ts";

const PROJECT = "gac-prod-471220";

/** A query that goes on for minutes. */
const LONG =
  "SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 400000)) a, UNNEST(GENERATE_ARRAY(1, 400000)) b WHERE MOD(a * b, 7) = 3";

const TEMPLATES: Record<string, string> = {
  long: `steps:
  - { step_id: before, type: noop }
  - { step_id: long, type: bigquery_query, query: "${LONG}", destination: { table: never } }
  - { step_id: after, type: noop }
`,
  second: `timeout_minutes: 1
steps:
  - { step_id: left, type: noop }
  - { step_id: right, type: noop }
  - { step_id: both, type: noop, depends_on: [left, right] }
`,
  mended: `steps:
  - { step_id: made, type: bigquery_query, query: "SELECT '{run_id}' AS run", destination: { table: made, write_mode: append } }
  - { step_id: read, type: bigquery_query, query: "SELECT * FROM missing", destination: { table: copied } }
  - { step_id: last, type: noop }
`,
};

const steps = z.array(z.object({ step_name: z.string(), status: z.string() }));

describe("runs that are cancelled and retried", () => {
  let place: Place;
  let configs: string;
  let platform: Platform;
  let client: TenantClient;

  before(async () => {
    place = await freshPlace();
    configs = await configsWith(TEMPLATES);
    platform = await startPlatform(place, { CONVERGENCE_CONFIGS_DIR: configs, LOG_LEVEL: "fatal" });
    client = tenantClient(platform.url, "ends_1", await onboard(platform.url, "ends_1"));
  });
  after(async () => {
    await platform.end("SIGKILL");
    await place.remove();
    await rm(configs, { recursive: true });
  });

  const post = (id: unknown, what: "cancel" | "retry", headers = {}): Promise<Answer> =>
    call(`${platform.url}/api/v1/pipelines/runs/${id}/${what}`, "POST", undefined, {
      "X-API-Key": client.key,
      ...headers,
    });
  const start = async (template: string): Promise<unknown> => {
    const { status, body } = await client.run(`gcp/example/${template}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body.pipeline_logging_id;
  };
  const statuses = (body: Answer["body"]) => steps.parse(body.steps).map(({ status }) => status);

  test("cancel ends an open run, its steps and its BigQuery job; again changes nothing", async () => {
    const id = await start("long");
    const bigquery = localClient(platform.bigQueryUrl, PROJECT);
    const job = bigquery.job(`${id}_1_1`);
    const state = async () => {
      const [metadata] = await job.getMetadata().catch(() => [null]);
      return metadata?.status;
    };
    await eventually(state, (status) => status?.state === "RUNNING", 20_000);
    const { status, body } = await post(id, "cancel");
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.status, "CANCELLED");
    assert.deepEqual(statuses(body), ["COMPLETE", "CANCELLED", "CANCELLED"]);
    const ended = await eventually(state, (now) => now?.state === "DONE", 10_000);
    assert.equal(ended?.errorResult?.reason, "stopped");
    const again = await post(id, "cancel");
    assert.deepEqual([again.status, again.body.status], [200, "CANCELLED"]);
    // The runner's slot is free again, and what it did for the run is not reported any more.
    assert.equal((await client.finished(await start("noop"))).body.status, "COMPLETE");
    assert.deepEqual(statuses((await client.get(`/api/v1/pipelines/runs/${id}`)).body), statuses(body));
  });

  test("what is over, another's, or not there cannot be cancelled", async () => {
    const id = await start("second");
    assert.equal((await client.finished(id)).body.status, "COMPLETE");
    const over = await post(id, "cancel");
    assert.equal(over.status, 409);
    assert.match(String(over.body.detail), /COMPLETE: only a run that is open/);
    assert.equal((await post("550e8400-e29b-41d4-a716-446655440000", "cancel")).status, 404);
    const other = await onboard(platform.url, "ends_2");
    assert.equal((await post(id, "cancel", { "X-API-Key": other })).status, 404);
  });

  test("retry goes on from the failed step, once for each Idempotency-Key; what was done is not done again", async () => {
    const bigquery = localClient(platform.bigQueryUrl, PROJECT);
    const id = await start("mended");
    const first = await client.finished(id);
    assert.deepEqual(statuses(first.body), ["COMPLETE", "FAILED", "SKIPPED"]);
    await bigquery.query({ query: "CREATE TABLE ends_1.missing (n INT64)" });
    const key = { "Idempotency-Key": "retry-1" };
    const [one, two] = [await post(id, "retry", key), await post(id, "retry", key)];
    assert.equal(one.status, 200, JSON.stringify(one.body));
    assert.equal(one.body.retry_of, id);
    assert.equal(two.body.pipeline_logging_id, one.body.pipeline_logging_id);
    const retried = await client.finished(one.body.pipeline_logging_id);
    assert.deepEqual([retried.body.status, retried.body.trigger_type], ["COMPLETE", "retry"]);
    assert.deepEqual(statuses(retried.body), ["SKIPPED", "COMPLETE", "COMPLETE"]);
    const [rows] = await bigquery.query("SELECT run FROM ends_1.made");
    assert.deepEqual(rows, [{ run: id }]);
    const complete = await post(one.body.pipeline_logging_id, "retry");
    assert.equal(complete.status, 409);
  });
});
