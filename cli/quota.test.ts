import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { z } from "zod";
import { localClient } from "./demo/bigquery.ts";
import { configsWith } from "./testing/configs.ts";
import { type Answer, call, eventually, onboard, tenantClient } from "./testing/http.ts";
import { freshPlace, type Place, type Platform, startPlatform } from "./testing/platform.ts";

// What a tenant may start and have under way holds whatever dies in between.

const PROJECT = "gac-prod-471220";
const ADMIN = "an-admin-key-for-tests-of-quotas";
const CLIENTS = 64;
/** Runs that each client asks for: more than the month allows in all. */
const EACH = 2;
const MONTHLY = 100;
const AT_ONCE = 3;
const TENANT = "limited";

const APPEND = `pipeline_id: "{pipeline_id}"
description: "Appends a row, twice over"
steps:
  - { step_id: first, type: bigquery_query, query: "SELECT '{run_id}' AS run_id, 1 AS step", destination: { table: appended, write_mode: append } }
  - { step_id: second, type: bigquery_query, query: "SELECT '{run_id}' AS run_id, 2 AS step", destination: { table: appended, write_mode: append } }
`;

/** One run's time under way, Unix milliseconds. */
const spans = z.array(z.object({ id: z.string(), begun: z.coerce.number(), ended: z.coerce.number() }));

/** How many of the spans hold a moment in common, at most. */
function mostAtOnce(under: z.infer<typeof spans>): number {
  const changes = under
    .flatMap(({ begun, ended }) => [
      { at: begun, by: 1 },
      { at: ended, by: -1 },
    ])
    // What ended in the same millisecond made room.
    .sort((a, b) => a.at - b.at || a.by - b.by);
  let [now, most] = [0, 0];
  for (const { by } of changes) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}

describe("a tenant's quotas", () => {
  let place: Place;
  let configs: string;
  let platform: Platform;
  const env = () => ({
    CONVERGENCE_CONFIGS_DIR: configs,
    ADMIN_API_KEY: ADMIN,
    DEFAULT_SUBSCRIPTION_TIER: "STARTER",
  });
  const query = async (sql: string) =>
    (await localClient(platform.bigQueryUrl, PROJECT).query({ query: sql }))[0];
  const admin = (method: string, body?: unknown): Promise<Answer> =>
    call(`${platform.url}/api/v1/customers/${TENANT}`, method, body, { "X-Admin-Key": ADMIN });

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

  test("under 64 clients and two kills: never one over, never a slot leaked, no accepted run lost", async () => {
    const key = await onboard(platform.url, TENANT, { "X-Admin-Key": ADMIN });
    const changed = await admin("PATCH", { max_pipelines_per_month: MONTHLY });
    assert.equal(changed.status, 200, JSON.stringify(changed.body));
    assert.deepEqual(changed.body.quota, {
      max_pipelines_per_month: MONTHLY,
      max_concurrent_pipelines: AT_ONCE,
    });
    const client = tenantClient(platform.url, TENANT, key);
    let answers = 0;
    /** Repeats until it is decided: a platform that is being restarted does not answer. */
    const decided = async (name: string): Promise<Answer> => {
      const answer = await eventually(
        () => client.run("gcp/example/append", {}, { "Idempotency-Key": name }).catch(() => null),
        (given) => given !== null && given.status < 500,
        120_000,
      );
      assert.ok(answer !== null);
      answers += 1;
      return answer;
    };
    const asking = Promise.all(
      Array.from({ length: CLIENTS }, async (_, n) => {
        const given: Answer[] = [];
        for (let i = 0; i < EACH; i += 1) given.push(await decided(`client-${n}-${i}`));
        return given;
      }),
    );
    for (const enough of [15, 70]) {
      await eventually(
        async () => answers,
        (n) => n >= enough,
        60_000,
      );
      await platform.end("SIGKILL");
      platform = await startPlatform(place, env());
    }
    const given = (await asking).flat();
    const taken = given.filter(({ status }) => status === 200);
    const refused = given.filter(({ status }) => status === 429);
    assert.equal(taken.length + refused.length, CLIENTS * EACH);
    assert.equal(new Set(taken.map(({ body }) => body.pipeline_logging_id)).size, MONTHLY);
    for (const { body, headers } of refused) {
      assert.equal(body.type, "/problems/monthly-quota");
      const seconds = Number(headers.get("retry-after"));
      assert.ok(seconds > 0 && seconds <= 31 * 86_400, `Retry-After: ${seconds}`);
    }

    for (const { body } of taken) {
      const { body: run } = await client.finished(body.pipeline_logging_id);
      assert.equal(run.status, "COMPLETE", JSON.stringify(run));
    }
    const rows = await eventually(
      () =>
        query(
          `SELECT r.pipeline_logging_id AS id, UNIX_MILLIS(MIN(s.start_time)) AS begun, UNIX_MILLIS(MAX(r.end_time)) AS ended
           FROM \`${PROJECT}.${TENANT}.pipeline_runs\` r JOIN \`${PROJECT}.${TENANT}.step_logs\` s USING (pipeline_logging_id)
           WHERE r.status = 'COMPLETE' AND r.trigger_type = 'api' GROUP BY 1`,
        ),
      (found) => found.length === MONTHLY,
      20_000,
    );
    const most = mostAtOnce(spans.parse(rows));
    assert.ok(most <= AT_ONCE, `${most} runs were under way at once`);
    assert.ok(most > 1, "the places were used");
    const [{ n }] = await query(`SELECT COUNT(*) AS n FROM \`${PROJECT}.${TENANT}.appended\``);
    assert.equal(n, MONTHLY * 2, "each step once");

    const { body: customer } = await admin("GET");
    assert.deepEqual(customer.usage, { pipelines_this_month: MONTHLY, running_pipelines: 0 });
    assert.equal((await client.run("gcp/example/append")).status, 429);
  });

  test("a raised quota holds at once, and the platform's table shows it", async () => {
    const raised = await admin("PATCH", { subscription_tier: "FREE", max_pipelines_per_month: MONTHLY + 1 });
    assert.equal(raised.status, 200, JSON.stringify(raised.body));
    const issued = await call(
      `${platform.url}/api/v1/customers/${TENANT}/api-keys`,
      "POST",
      { scopes: ["run", "read"] },
      { "X-Admin-Key": ADMIN },
    );
    const client = tenantClient(platform.url, TENANT, z.string().parse(issued.body.api_key));
    const last = await client.run("gcp/example/append");
    assert.equal(last.status, 200, JSON.stringify(last.body));
    assert.equal((await client.finished(last.body.pipeline_logging_id)).body.status, "COMPLETE");
    assert.equal((await client.run("gcp/example/append")).status, 429);
    await eventually(
      () =>
        query(
          `SELECT subscription_tier, max_pipelines_per_month AS monthly, max_concurrent_pipelines AS at_once
           FROM \`${PROJECT}.convergence_platform.tenants\``,
        ),
      ([row]) => row?.subscription_tier === "FREE" && row.monthly === MONTHLY + 1 && row.at_once === 1,
    );
    const free = await admin("PATCH", { subscription_tier: "ENTERPRISE", max_pipelines_per_month: null });
    assert.deepEqual(free.body.quota, { max_pipelines_per_month: null, max_concurrent_pipelines: null });
    assert.equal((await client.run("gcp/example/append")).status, 200);
    await eventually(
      () =>
        query(`SELECT max_pipelines_per_month AS monthly FROM \`${PROJECT}.convergence_platform.tenants\``),
      ([row]) => row?.monthly === null,
    );
  });

  test("a suspended tenant starts nothing and reads on; those that wait begin once it is resumed", async () => {
    const issued = await call(
      `${platform.url}/api/v1/customers/${TENANT}/api-keys`,
      "POST",
      { scopes: ["run", "read"] },
      { "X-Admin-Key": ADMIN },
    );
    const client = tenantClient(platform.url, TENANT, z.string().parse(issued.body.api_key));
    await admin("PATCH", { max_concurrent_pipelines: 1 });
    const begun = await Promise.all(Array.from({ length: 20 }, () => client.run("gcp/example/append")));
    const suspended = await admin("PATCH", { suspend: true, reason: "unpaid" });
    assert.deepEqual([suspended.body.state, suspended.body.suspension_reason], ["SUSPENDED", "unpaid"]);
    const refused = await client.run("gcp/example/append");
    assert.deepEqual([refused.status, refused.body.type], [403, "/problems/tenant-suspended"]);
    assert.equal((await client.get("/api/v1/pipelines/runs")).status, 200);
    await eventually(
      () => query(`SELECT is_active, suspension_reason FROM \`${PROJECT}.convergence_platform.tenants\``),
      ([row]) => row?.is_active === false && row.suspension_reason === "unpaid",
    );
    await platform.end("SIGKILL");
    platform = await startPlatform(place, env());
    assert.equal((await client.run("gcp/example/append")).status, 403);
    const waiting = await client.get("/api/v1/pipelines/runs?status=PENDING&limit=200");
    assert.ok(z.array(z.unknown()).parse(waiting.body.runs).length > 0, "some wait");
    const resumed = await admin("PATCH", { suspend: false });
    assert.deepEqual([resumed.body.state, resumed.body.suspended_at], ["ACTIVE", null]);
    for (const { body } of begun) {
      assert.equal((await client.finished(body.pipeline_logging_id)).body.status, "COMPLETE");
    }
    assert.equal((await client.run("gcp/example/append")).status, 200);
  });
});
