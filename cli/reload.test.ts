/** Templates are edited while the platform runs. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { rm, unlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { configsWith } from "./testing/configs.ts";
import { type Answer, eventually, onboard, tenantClient } from "./testing/http.ts";
import { freshPlace, startPlatform } from "./testing/platform.ts";

const TEMPLATE = "gcp/example/edited";

const withSteps = (count: number) =>
  `steps:\n${Array.from({ length: count }, (_, i) => `  - { step_id: s${i}, type: noop }\n`).join("")}`;

test("each run is made of the template as it then is, and bears its hash; a broken one is refused", async (t) => {
  const place = await freshPlace();
  const configs = await configsWith({});
  const platform = await startPlatform(place, { CONVERGENCE_CONFIGS_DIR: configs, LOG_LEVEL: "fatal" });
  t.after(async () => {
    await platform.end("SIGKILL");
    await place.remove();
    await rm(configs, { recursive: true });
  });
  const client = tenantClient(platform.url, "edits_1", await onboard(platform.url, "edits_1"));
  const file = path.join(configs, `${TEMPLATE}.yml`);
  const shown = (condition: (answer: Answer) => boolean) =>
    eventually(() => client.get(`/api/v1/pipelines/templates/${TEMPLATE}`), condition);
  const runs = async () => {
    const { body } = await client.run(TEMPLATE);
    return (await client.finished(body.pipeline_logging_id)).body;
  };

  assert.equal((await client.run(TEMPLATE)).status, 404);
  for (const count of [1, 2]) {
    const text = withSteps(count);
    const version = createHash("sha256").update(text).digest("hex");
    await writeFile(file, text);
    await shown(({ body }) => body.config_version === version);
    const run = await runs();
    assert.equal(run.status, "COMPLETE");
    assert.equal(run.config_version, version);
    assert.ok(Array.isArray(run.steps) && run.steps.length === count);
  }

  await writeFile(file, "steps: [{ step_id: a, type: nop }]\n");
  await shown(({ status }) => status === 422);
  const refused = await client.run(TEMPLATE);
  assert.equal(refused.status, 422);
  assert.match(JSON.stringify(refused.body), /edited\.yml:1:29/);

  await writeFile(file, withSteps(3));
  await shown(({ status }) => status === 200);
  assert.equal((await runs()).status, "COMPLETE");
  await unlink(file);
  await shown(({ status }) => status === 404);
  assert.equal((await client.run(TEMPLATE)).status, 404);
});
