import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { z } from "zod";
import { loadBilling, localClient } from "./demo/bigquery.ts";
import { billingSample } from "./demo/billing-rows.ts";
import { convergence } from "./testing/convergence.ts";
import { onboard } from "./testing/http.ts";
import { freshPlace, type Place, type Platform, startPlatform } from "./testing/platform.ts";

const root = path.dirname(import.meta.dirname);
const PROJECT = "gac-prod-471220";
const TENANT = "Authors_1";
const EXPORT = "gcp/cost/bill-sample-export-template";

const TEMPLATES: Record<string, string> = {
  foreign: 'steps: [{ step_id: a, type: bigquery_query, query: "SELECT * FROM other_tenant.billing" }]\n',
  broken: "steps: [{ step_id: a, type: nop }]\n",
  graph: `parameters: { least: { type: float, default: 0.5 }, n: { type: int } }
steps:
  - { step_id: left, type: bigquery_query, query: "SELECT date FROM billing WHERE EXTRACT(DAY FROM date) > {least}", destination: { table: "l_{n}" } }
  - { step_id: right, type: noop }
  - { step_id: both, type: bigquery_query, query: "SELECT * FROM l_9", depends_on: [left, right], retry: { attempts: 2 } }
`,
};

const estimated = z.object({
  parameters: z.record(z.string(), z.unknown()),
  steps: z.array(
    z.object({
      step_name: z.string(),
      stage: z.int(),
      depends_on: z.array(z.string()),
      bytes_estimate: z.int().nullable(),
      estimate_note: z.string().nullable(),
      query: z.object({ sql: z.string(), parameters: z.array(z.unknown()) }).nullable(),
    }),
  ),
});

describe("convergence, against a platform", () => {
  let place: Place;
  let configs: string;
  let platform: Platform;
  let key: string;
  let env: Record<string, string>;
  before(async () => {
    place = await freshPlace();
    configs = await mkdtemp(path.join(tmpdir(), "convergence-configs-"));
    await cp(path.join(root, "configs"), configs, { recursive: true });
    for (const [name, text] of Object.entries(TEMPLATES)) {
      await writeFile(path.join(configs, "gcp", "example", `${name}.yml`), text);
    }
    platform = await startPlatform(place, { CONVERGENCE_CONFIGS_DIR: configs, LOG_LEVEL: "fatal" });
    key = await onboard(platform.url, TENANT);
    await loadBilling(localClient(platform.bigQueryUrl, PROJECT), TENANT, billingSample(root));
    env = {
      CONVERGENCE_CONFIGS_DIR: configs,
      CONVERGENCE_DATA_DIR: place.dataDir,
      CONVERGENCE_URL: platform.url,
      CONVERGENCE_API_KEY: key,
      BIGQUERY_ENDPOINT: platform.bigQueryUrl,
      LOCAL_BIGQUERY_PORT: String(place.bigQueryPort),
      PORT: String(place.port),
    };
  });
  after(async () => {
    await platform.end("SIGKILL");
    await place.remove();
    await rm(configs, { recursive: true });
  });
  const tables = async () => {
    const [found] = await localClient(platform.bigQueryUrl, PROJECT).dataset(TENANT).getTables();
    return found.map(({ id }) => id).sort();
  };

  test("plan shows parameters, SQL and the bytes that a dry run tells, and does nothing", async () => {
    const before = await tables();
    const { code, stdout, stderr } = await convergence(["plan", EXPORT, "--var", "date=2025-11-15"], env);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^parameters {3}date = "2025-11-15"$/m);
    assert.match(stdout, /^ {4}SELECT \* FROM billing WHERE date = @p0$/m);
    assert.match(stdout, /^ {4}@p0 STRING = "2025-11-15"$/m);
    assert.match(stdout, /table billing_export_2025-11-15/);
    const bytes = Number(/^ {2}bytes: ([\d,]+)$/m.exec(stdout)?.[1]?.replaceAll(",", ""));
    assert.ok(bytes > 1_000, stdout);
    assert.deepEqual(await tables(), before);
  });

  test("plan tells stages, dependencies, typed variables, and why bytes are not known", async () => {
    const args = [
      "plan",
      "gcp/example/graph",
      "--tenant",
      TENANT,
      "--var",
      "n=7",
      "--var",
      "least=1.5",
      "--json",
    ];
    const { code, stdout, stderr } = await convergence(args, env);
    assert.equal(code, 0, stderr);
    const { parameters, steps } = estimated.parse(JSON.parse(stdout));
    assert.deepEqual(parameters, { n: "7", least: 1.5 });
    assert.deepEqual(
      steps.map(({ step_name, stage, depends_on }) => [step_name, stage, depends_on]),
      [
        ["left", 1, []],
        ["right", 1, []],
        ["both", 2, ["left", "right"]],
      ],
    );
    assert.ok((steps[0]?.bytes_estimate ?? 0) > 0);
    assert.equal(steps[2]?.bytes_estimate, null);
    assert.match(steps[2]?.estimate_note ?? "", /l_9/);
  });

  test("plan refuses what a run would be refused", async () => {
    const refusals: [args: string[], code: number, says: RegExp][] = [
      [["plan", EXPORT], 1, /date is missing: give a date as YYYY-MM-DD\. Give each with --var/],
      [
        ["plan", EXPORT, "--var", "date=x", "--var", "tenant_id=b"],
        1,
        /date must be .*; tenant_id is set by/,
      ],
      [
        ["plan", "gcp/example/broken"],
        1,
        /broken\.yml:1:.*did you mean "noop"\?[\s\S]*the template has faults\. Mend/,
      ],
      [["plan", "gcp/example/foreign"], 1, /the query is refused[\s\S]*outside the tenant's dataset/],
      [
        ["plan", `${EXPORT}x`],
        2,
        /there is no template .*; did you mean "gcp\/cost\/bill-sample-export-template"\?/,
      ],
      [["plan", "../../etc/passwd"], 2, /is no template: write provider\/domain\/template/],
      [["plan", EXPORT, "--var", "date"], 2, /--var date: write --var name=value/],
      [["plan", EXPORT, "--tenant", "a-b"], 2, /a tenant's id is/],
    ];
    for (const [args, code, says] of refusals) {
      const printed = await convergence(args, env);
      assert.equal(printed.code, code, printed.stdout + printed.stderr);
      assert.match(printed.stdout + printed.stderr, says);
    }
  });

  test("plan says so where BigQuery is not there, and tells the rest", async () => {
    const away = { ...env, BIGQUERY_ENDPOINT: "http://127.0.0.1:1" };
    const { code, stdout, stderr } = await convergence(["plan", EXPORT, "--var", "date=2025-11-15"], away);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /BigQuery is not reachable at http:\/\/127\.0\.0\.1:1, so no bytes are estimated/);
    assert.match(stdout, /WHERE date = @p0/);
    assert.match(stdout, /Bytes are not estimated\./);
  });
});
