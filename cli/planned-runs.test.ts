import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { configsWith } from "./testing/configs.ts";
import { type Answer, call, eventually, onboard } from "./testing/http.ts";
import { freshPlace, type Place, type Platform, startPlatform } from "./testing/platform.ts";

const TEMPLATES: Record<string, string> = {
  dated: `parameters: { date: { type: date, default: yesterday } }
strict_parameters: true
steps:
  - { step_id: only, type: noop, description: "{date}" }
`,
  dateless:
    "schedule: { cron: '15 4 * * 1', timezone: Asia/Kolkata }\nsteps:\n  - { step_id: only, type: noop }\n",
};

describe("runs that are planned for later", () => {
  let place: Place;
  let configs: string;
  let platform: Platform;
  let key: string;

  before(async () => {
    place = await freshPlace();
    configs = await configsWith(TEMPLATES);
    platform = await startPlatform(place, { CONVERGENCE_CONFIGS_DIR: configs, LOG_LEVEL: "fatal" });
    key = await onboard(platform.url, "plans_1");
  });
  after(async () => {
    await platform.end("SIGKILL");
    await place.remove();
    await rm(configs, { recursive: true });
  });

  const ask = (method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: object): Promise<Answer> =>
    call(`${platform.url}/api/v1${path}`, method, body, { "X-API-Key": key });
  const SCHEDULES = "/customers/plans_1/schedules";
  const template = "gcp/example/dated";

  test("a schedule is set, shown, changed and deleted; its faults name their fields", async () => {
    const set = await ask("PUT", `${SCHEDULES}/daily`, {
      template,
      cron: "30 2 * * *",
      timezone: "Europe/Berlin",
    });
    assert.equal(set.status, 200, JSON.stringify(set.body));
    assert.equal(set.body.catch_up, "last");
    assert.ok(Array.isArray(set.body.next_runs) && set.body.next_runs.length === 3);
    const { body } = await ask("GET", SCHEDULES);
    assert.deepEqual(body, { schedules: [set.body] });
    const off = await ask("PUT", `${SCHEDULES}/daily`, { template, cron: "30 2 * * *", enabled: false });
    assert.equal(off.body.next_run_at, null);
    const wrong = await ask("PUT", `${SCHEDULES}/daily`, {
      ...{ template, cron: "61 * * * *", timezone: "Mars", variables: { day: 1, run_id: "x" } },
    });
    assert.equal(wrong.status, 422);
    for (const field of ["cron", "timezone", "variables.day", "variables.run_id"]) {
      assert.match(String(wrong.body.detail), new RegExp(`${field}: `));
    }
    const unknown = await ask("PUT", `${SCHEDULES}/other`, { template: "gcp/example/no", cron: "0 6 * * *" });
    assert.equal(unknown.status, 404);
    const none = await ask("PUT", `${SCHEDULES}/other`, { template });
    assert.equal(none.status, 422);
    assert.match(String(none.body.detail), /cron: is missing/);
    const offered = await ask("PUT", `${SCHEDULES}/weekly`, { template: "gcp/example/dateless" });
    assert.deepEqual([offered.body.cron, offered.body.timezone], ["15 4 * * 1", "Asia/Kolkata"]);
    assert.equal((await ask("DELETE", `${SCHEDULES}/daily`)).status, 204);
    assert.equal((await ask("GET", `${SCHEDULES}/daily`)).status, 404);
    assert.equal((await ask("DELETE", `${SCHEDULES}/daily`)).status, 404);
  });

  const backfill = (of: string, body: object): Promise<Answer> =>
    ask("POST", `/pipelines/backfill/plans_1/gcp/example/${of}`, body);
  const ended = (id: unknown): Promise<Answer> =>
    eventually(
      () => ask("GET", `/pipelines/backfills/${id}`),
      ({ body }) => body.end_time !== null,
      60_000,
    );

  test("a backfill over a leap year has each date once", async () => {
    const started = await backfill("dated", { from: "2024-01-01", to: "2024-12-31", max_concurrent: 10 });
    assert.equal(started.status, 200, JSON.stringify(started.body));
    assert.equal(started.body.dates, 366);
    const { body } = await ended(started.body.backfill_id);
    const none = { waiting: 0, open: 0, failed: 0, cancelled: 0, refused: 0 };
    assert.deepEqual(body.dates, { total: 366, complete: 366, ...none });
    assert.equal(body.status, "COMPLETE");
  });

  test("a backfill that cannot be is refused; one that goes on is cancelled", async () => {
    assert.equal((await backfill("dateless", { from: "2024-01-01", to: "2024-01-02" })).status, 422);
    assert.equal((await backfill("dated", { from: "2024-01-02", to: "2024-01-01" })).status, 422);
    assert.equal((await backfill("dated", { from: "2024-02-30", to: "2024-03-01" })).status, 422);
    const started = await backfill("dated", { from: "2015-01-01", to: "2024-12-31", max_concurrent: 1 });
    const id = started.body.backfill_id;
    assert.equal((await ask("POST", `/pipelines/backfills/${id}/cancel`)).status, 200);
    assert.equal((await ended(id)).body.status, "CANCELLED");
    assert.equal((await ask("POST", `/pipelines/backfills/${id}/cancel`)).status, 409);
  });
});
