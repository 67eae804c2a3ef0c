import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { listen } from "@convergence/runtime";
import { z } from "zod";
import { loadBilling, localClient } from "./demo/bigquery.ts";
import { billingSample } from "./demo/billing-rows.ts";
import { configsWith } from "./testing/configs.ts";
import { convergence } from "./testing/convergence.ts";
import { call, onboard } from "./testing/http.ts";
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
    configs = await configsWith(TEMPLATES);
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

  test("plan shows the SQL of checks whose table is there, and its bytes", async () => {
    const args = ["plan", "gcp/cost/checked-export-template", "--var", "date=2025-11-15"];
    const missing = await convergence(args, env);
    assert.equal(missing.code, 0, missing.stderr);
    assert.doesNotMatch(missing.stdout, /_dq_rows/);
    const daily = await convergence(
      ["plan", "gcp/cost/daily-cost-template", "--var", "date=2025-11-15"],
      env,
    );
    assert.equal(daily.code, 0, daily.stderr);
    const [, checks = "", cost = ""] = daily.stdout.split(/^step /m);
    assert.match(
      checks,
      /billing_checks[\s\S]*_dq_rows AS[\s\S]*@where_0 DATE = "2025-11-15"[\s\S]*bytes: [1-9]/,
    );
    assert.doesNotMatch(cost, /_dq_rows/);
  });

  test("the API's dry run says what plan says", async () => {
    const planned = await convergence(["plan", EXPORT, "--var", "date=2025-11-15", "--json"], env);
    const url = `${platform.url}/api/v1/pipelines/templates/${EXPORT}/validate?estimate=true`;
    const validated = await call(url, "POST", { date: "2025-11-15" }, { "X-API-Key": key });
    assert.deepEqual(JSON.parse(planned.stdout), validated.body);
    const [step] = estimated.parse(validated.body).steps;
    assert.ok((step?.bytes_estimate ?? 0) > 1_000);
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

  test("run --follow prints each step to the end; the exit code tells how it ended", async () => {
    const done = await convergence(["run", EXPORT, "--var", "date=2025-11-15", "--follow"], env);
    assert.equal(done.code, 0, done.stderr);
    const lines = done.stdout.trimEnd().split("\n");
    assert.match(lines[0] ?? "", /^run [0-9a-f-]{36}: gcp\/cost\/bill-sample-export-template for Authors_1$/);
    assert.match(done.stdout, /^ {2}step 1 query: COMPLETE, \d+ ms, [\d,]+ rows, [\d,]+ bytes$/m);
    assert.match(lines.at(-1) ?? "", /^run [0-9a-f-]{36}: COMPLETE after \d+ ms$/);

    const failed = await convergence(["run", "gcp/example/foreign", "--follow"], env);
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(failed.stdout, /step 1 a: FAILED.*the query is refused/);
    assert.match(
      failed.stdout.trimEnd().split("\n").at(-1) ?? "",
      /: FAILED after \d+ ms: .*the query is refused/,
    );
  });

  test("run --json prints an event a line, its typed variables reach the run, and a repeat is the same run", async () => {
    const args = ["run", "gcp/example/graph", "--var", "n=9", "--var", "least=2.5", "--json"];
    const again = [...args, "--idempotency-key", "authors-1"];
    const first = await convergence([...again, "--follow"], env);
    assert.equal(first.code, 0, first.stdout + first.stderr);
    const [answer, ...events] = first.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(answer.parameters, { n: "9", least: 2.5 });
    const versions = events.map(({ data }) => data.version);
    assert.deepEqual(
      versions,
      versions.toSorted((a, b) => a - b),
    );
    assert.deepEqual(
      [events[0].event, events.at(-1).event, events.at(-1).data.status],
      ["snapshot", "run", "COMPLETE"],
    );
    const repeated = await convergence(again, env);
    assert.equal(repeated.code, 0, repeated.stderr);
    assert.equal(JSON.parse(repeated.stdout).pipeline_logging_id, answer.pipeline_logging_id);
  });

  test("run that is refused, or meets no gateway, ends with 2, and shows no key", async () => {
    const refusals: [args: string[], more: Record<string, string>, says: RegExp][] = [
      [["run", EXPORT], {}, /refused \(422\).*date: is missing/],
      [["run", `${EXPORT}x`], {}, /refused \(404\): There is no template/],
      [["run", EXPORT], { CONVERGENCE_API_KEY: `${TENANT}_api_AAAAAAAAAAAAAAAA` }, /refused \(401\)/],
      [["run", EXPORT], { CONVERGENCE_API_KEY: "" }, /CONVERGENCE_API_KEY is not set\. Set it to/],
      [["run", EXPORT], { CONVERGENCE_API_KEY: "nokey" }, /CONVERGENCE_API_KEY is no API key/],
      [
        ["run", EXPORT],
        { CONVERGENCE_URL: "http://127.0.0.1:1" },
        /no gateway answers at .*\. Start it \(npm start\)/,
      ],
      [["run"], {}, /template is missing/],
    ];
    for (const [args, more, says] of refusals) {
      const { code, stdout, stderr } = await convergence(args, { ...env, ...more });
      assert.equal(code, 2, stdout + stderr);
      assert.match(stderr.split("\n")[0] ?? "", says);
      assert.doesNotMatch(stdout + stderr, /_api_[A-Za-z0-9]{16}/);
    }
  });

  test("query prints an aligned table, JSON or CSV of the tenant's tables", async () => {
    const sql = `SELECT n, s, x, d, l FROM UNNEST([STRUCT(1 AS n, 'a, "b"' AS s, 1.5 AS x, DATE '2025-11-15' AS d, [1, 2] AS l),
      STRUCT(1000, 'é\\n', NULL, NULL, [])]) ORDER BY n`;
    const table = await convergence(["query", sql], env);
    assert.equal(table.code, 0, table.stderr);
    assert.deepEqual(table.stdout.trimEnd().split("\n"), [
      "   n  s          x  d           l",
      "----  ------  ----  ----------  -----",
      '   1  a, "b"   1.5  2025-11-15  [1,2]',
      "1000  é\\n     NULL  NULL        []",
    ]);
    assert.match(table.stderr, /^2 rows$/m);
    const csv = await convergence(["query", sql, "--csv"], env);
    assert.equal(csv.stdout, 'n,s,x,d,l\n1,"a, ""b""",1.5,2025-11-15,"[1,2]"\n1000,"é\n",,,[]\n');
    const json = await convergence(
      ["query", "SELECT COUNT(*) AS c FROM billing", "--json", "--tenant", TENANT],
      env,
    );
    assert.ok(JSON.parse(json.stdout).c > 100);
    const limited = await convergence(["query", "SELECT date FROM billing", "--limit", "3"], env);
    assert.equal(limited.stdout.trimEnd().split("\n").length, 5);
    assert.match(limited.stderr, /^The first 3 of \d+ rows: --limit \d+ prints more\.$/m);
  });

  test("query tells what is wrong in one line", async () => {
    const away = { BIGQUERY_ENDPOINT: "http://127.0.0.1:1" };
    for (const [args, more, code, says] of [
      [["query", "SELEC 1"], {}, 1, /convergence query: .*SELEC/],
      [["query", "SELECT * FROM nothing_there"], {}, 1, /nothing_there/],
      [["query", "SELECT 1"], away, 1, /BigQuery is not reachable at .*\. Start it \(npm start\)/],
      [["query"], {}, 2, /query is missing/],
      [["query", "SELECT 1", "--json", "--csv"], {}, 2, /not both/],
      [["query", "SELECT 1", "--limit", "0"], {}, 2, /--limit 0/],
    ] as const) {
      const printed = await convergence(args, { ...env, ...more });
      assert.equal(printed.code, code, printed.stdout + printed.stderr);
      assert.match(printed.stderr.split("\n")[0] ?? "", says);
    }
  });

  test("doctor finds a running platform well, but for the broken template, and tells remedies", async () => {
    const ill = await convergence(["doctor"], env);
    assert.equal(ill.code, 1);
    const lines = ill.stdout.trimEnd().split("\n");
    const states = Object.groupBy(lines, (line) => line.slice(0, 4).trim());
    assert.deepEqual(Object.keys(states).sort(), ["fail", "ok"], ill.stdout);
    assert.equal(states.fail?.length, 1);
    assert.match(
      states.fail?.[0] ?? "",
      /templates .*1 faults? in .*See them: npm run convergence -- validate/,
    );
    for (const what of [
      /Node/,
      /data folder/,
      /port \d+ +the gateway is there/,
      /port \d+ +the local BigQuery is there/,
      /gateway .* is ok/,
      /API key .*takes it/,
      /BigQuery .*answers/,
    ]) {
      assert.ok(
        states.ok?.some((line) => what.test(line)),
        `${what} in\n${ill.stdout}`,
      );
    }
    const well = await convergence(["doctor"], { ...env, CONVERGENCE_CONFIGS_DIR: "configs" });
    assert.equal(well.code, 0, well.stdout);
  });

  test("doctor fails what is named and not there, and a port that another program has", async () => {
    const taken = createServer();
    const port = await listen(taken, "127.0.0.1", 0, "PORT");
    const { code, stdout } = await convergence(["doctor", "--json"], {
      ...env,
      CONVERGENCE_CONFIGS_DIR: path.join(configs, "nowhere"),
      CONVERGENCE_DATA_DIR: path.join(root, "package.json"),
      CONVERGENCE_URL: "http://127.0.0.1:1",
      BIGQUERY_ENDPOINT: "http://127.0.0.1:1",
      KAFKA_BROKERS: "127.0.0.1:1",
      PORT: String(port),
    });
    taken.close();
    assert.equal(code, 1);
    const finding = z.object({ what: z.string(), state: z.string(), found: z.string(), remedy: z.string() });
    const findings = z.array(finding).parse(JSON.parse(stdout));
    const failed = findings.filter(({ state }) => state === "fail");
    assert.deepEqual(
      failed.map(({ what }) => what).sort(),
      ["BigQuery", "Kafka", "data folder", "gateway", `port ${port}`, "templates"].sort(),
    );
    assert.ok(failed.every(({ remedy }) => remedy !== ""));
  });
});
