import assert from "node:assert/strict";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { parseTemplate, resolve } from "@convergence/pipeline";
import { qualityStatement } from "@convergence/pipeline/data-quality/statement.ts";
import type { Field } from "@convergence/warehouse/port.ts";
import { loadBilling, localClient, totals } from "./demo/bigquery.ts";
import { gcpRows } from "./demo/gcp-sample.ts";
import { configsWith } from "./testing/configs.ts";
import { call, eventually, onboard, tenantClient } from "./testing/http.ts";
import { freshPlace, type Place, type Platform, startPlatform } from "./testing/platform.ts";
import { type Analyzer, startAnalyzer } from "./testing/sql/analyzer.ts";
import {
  catalogOf,
  type KnownTable,
  readMade,
  readSent,
  type Sent,
  tablesOf,
} from "./testing/sql/catalog.ts";
import { RECORD_SQL_TO, recordSql } from "./testing/sql/recorder.ts";

const PROJECT = "gac-prod-471220";
const root = path.dirname(import.meta.dirname);

/** The files that make SQL for BigQuery, and a text of each. A new one has to be run below, and be named here. */
const MAKERS: Record<string, RegExp> = {
  "cli/demo/bigquery.ts": /^SELECT COUNT\(\*\) AS row_count, CAST\(SUM/,
  "libs/pipeline/data-quality/series-checks.ts": /^WITH _dq_source.+GENERATE_DATE_ARRAY/s,
  "libs/pipeline/data-quality/statement.ts": /^WITH _dq_source/,
  "libs/warehouse/bigquery/jobs.ts": /^DROP TABLE IF EXISTS/,
  "libs/warehouse/merge/query-statement.ts": /^MERGE .+_merge_twins/s,
  "libs/warehouse/merge/statement.ts": /^MERGE /,
  "services/step-runner/steps/bigquery-load.ts": /^SELECT \* FROM `_convergence_load_/,
  "services/step-runner/steps/dataset-check.ts": /^SELECT COUNT\(\*\) AS row_count FROM/,
  "services/step-runner/steps/merge-query.ts": /^SELECT MIN\(/,
};

/** Its two files go through a table between. */
const LOAD = `steps:
  - step_id: load
    type: bigquery_load
    files: ["*.csv"]
    format: csv
    csv: { header_rows: 1 }
    schema: [{ name: n, type: INTEGER }]
    destination: { table: loaded, write_mode: overwrite }
`;

/** Tables that the docs' example of checks is about. */
const CHECKED: Field[] = [
  { name: "date", type: "DATE" },
  { name: "cost", type: "FLOAT" },
  ...["usage_start_time", "usage_end_time", "export_time", "valid_from", "valid_to"].map(
    (name): Field => ({ name, type: "TIMESTAMP" }),
  ),
  ...["currency", "cost_type", "line_id"].map((name): Field => ({ name, type: "STRING" })),
  ...["share_a", "share_b"].map((name): Field => ({ name, type: "FLOAT" })),
  ...["service", "sku", "project"].map(
    (name): Field => ({ name, type: "RECORD", fields: [{ name: "id", type: "STRING" }] }),
  ),
  { name: "labels", type: "STRING", mode: "REPEATED" },
];
const SKUS: Field[] = [{ name: "id", type: "STRING" }];
const RAW: Field[] = [{ name: "day", type: "DATE" }];

function tableOf(tableId: string, fields: Field[]): KnownTable[] {
  const made = { tableReference: { datasetId: "analyzed", tableId }, schema: { fields } };
  return [readMade(JSON.stringify(made)) ?? []].flat();
}

/** Where SQL begins in a text of the product's source; not as help texts have it: "SELECT ...". */
const SQL =
  /[`"'](SELECT|MERGE|INSERT INTO|UPDATE|DELETE FROM|DROP|CREATE|ALTER|TRUNCATE|WITH) (?!\.\.\.)[^`"']/;
/** Files whose SQL is SQLite's. */
const SQLITE = /node:sqlite|\.prepare\(|SQLite/;

function makers(): string[] {
  const folders = ["libs/{warehouse,pipeline,tenant,run,runtime}/**/*.ts", "services/**/*.ts", "cli/**/*.ts"];
  return globSync(folders, { cwd: root })
    .filter((file) => !/node_modules|\.test\.ts$|\/testing\/|contract-suite/.test(file))
    .filter((file) => {
      const text = readFileSync(path.join(root, file), "utf8");
      return SQL.test(text) && !SQLITE.test(text);
    })
    .sort();
}

/** Every template, as the API names it: gcp/cost/bill-sample-export-template. */
function templates(): string[] {
  const files = globSync("configs/**/*.yml", { cwd: root });
  return files.map((file) => file.replace(/^configs\//, "").replace(/\.yml$/, ""));
}

describe("every SQL text that the product sends passes Google's own analyzer", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "convergence-sql-"));
  const record = path.join(folder, "sent");
  const inbox = path.join(folder, "inbox");
  let configs = "";
  let place: Place;
  let platform: Platform;
  let analyzer: Analyzer | undefined;
  let why = "";
  let tables: KnownTable[] = [];
  let sent: Sent[] = [];

  before(async () => {
    recordSql(record);
    place = await freshPlace();
    mkdirSync(path.join(inbox, "analyzed"), { recursive: true });
    for (const name of ["a", "b"]) writeFileSync(path.join(inbox, "analyzed", `${name}.csv`), "n\n1\n");
    configs = await configsWith({ load: LOAD });
    const recorder = path.join(import.meta.dirname, "testing", "sql", "recorder.ts");
    platform = await startPlatform(place, {
      NODE_OPTIONS: `--import ${JSON.stringify(recorder)}`,
      [RECORD_SQL_TO]: record,
      CONVERGENCE_CONFIGS_DIR: configs,
      CONVERGENCE_INBOX: inbox,
    });
    try {
      analyzer = await startAnalyzer();
    } catch (error) {
      why = String(error instanceof Error ? error.message : error).split("\n")[0] ?? "";
    }
  });
  after(async () => {
    await analyzer?.close();
    await platform.end("SIGKILL");
    await place.remove();
    for (const made of [folder, configs]) rmSync(made, { recursive: true });
  });

  test("a journey through all that sends SQL", async () => {
    const client = localClient(platform.bigQueryUrl, PROJECT);
    const key = await onboard(platform.url, "analyzed");
    const sample = gcpRows();
    await loadBilling(client, "analyzed", sample);
    await totals(client, `${PROJECT}.analyzed.billing`, sample.costColumn);
    const tenant = tenantClient(platform.url, "analyzed", key);
    const all = [...templates(), "gcp/example/load"];
    for (const template of all) {
      const text = readFileSync(path.join(configs, `${template}.yml`), "utf8");
      const variables = { date: "2025-11-15", cost_column: sample.costColumn };
      const run = await tenant.run(template, text.includes("{date}") ? variables : {});
      const { body } = await tenant.finished(run.body.pipeline_logging_id);
      assert.equal(body.status, "COMPLETE", `${template}: ${JSON.stringify(body)}`);
    }
    await projected(client, all.length);
    tables = await tablesOf(client);
    await recreated();
    const lines = readFileSync(record, "utf8").trim().split("\n");
    sent = lines.flatMap((line) => readSent(line) ?? []);
    // Tables that came and went are known by their making.
    const names = new Set(tables.map(({ dataset, table }) => `${dataset}.${table}`));
    for (const made of lines.flatMap((line) => readMade(line) ?? [])) {
      const name = `${made.dataset}.${made.table}`;
      if (!names.has(name)) tables.push(made);
      names.add(name);
    }
    assert.ok(sent.length > 0);
  });

  /** Waits until the runs and their steps are in the tenant's tables. */
  async function projected(client: ReturnType<typeof localClient>, runs: number): Promise<void> {
    const query = `SELECT COUNT(DISTINCT pipeline_logging_id) AS n FROM \`${PROJECT}.analyzed.step_logs\``;
    await eventually(
      async () => Number((await client.query({ query }))[0][0]?.n),
      (n) => n >= runs,
      20_000,
    );
  }

  /** Has the tenant's tables dropped and made anew, then the dataset. */
  async function recreated(): Promise<void> {
    const admin = { "X-Admin-Key": readFileSync(path.join(place.dataDir, "admin-key"), "utf8").trim() };
    for (const flag of ["force_recreate_tables", "force_recreate_dataset"]) {
      const body = { tenant_id: "analyzed", [flag]: true };
      await eventually(
        () => call(`${platform.url}/api/v1/customers/onboard`, "POST", body, admin),
        ({ status }) => status === 200,
        20_000,
      );
    }
  }

  test("every file that makes SQL is known, and its text was sent", () => {
    assert.deepEqual(
      makers(),
      Object.keys(MAKERS),
      "run the new text in the journey above, and name its file",
    );
    for (const [file, text] of Object.entries(MAKERS))
      assert.ok(
        sent.some(({ sql }) => text.test(sql)),
        `no text of ${file} was sent`,
      );
    for (const text of [/^DROP SCHEMA/, /^SELECT \* FROM billing WHERE date =/])
      assert.ok(
        sent.some(({ sql }) => text.test(sql)),
        String(text),
      );
    const merged = sent.filter(({ sql }) => sql.startsWith("MERGE")).map(({ sql }) => sql.split("\n")[0]);
    for (const table of ["api_keys", "pipeline_runs", "step_logs"])
      assert.ok(
        merged.some((line) => line?.includes(table)),
        `no MERGE into ${table}`,
      );
  });

  test("the analyzer finds no fault in any of them", async (t) => {
    if (analyzer === undefined) {
      assert.notEqual(process.env.CI, "true", `the GoogleSQL analyzer is required in CI: ${why}`);
      console.error(`No SQL is analyzed here: the analyzer comes from the npm registry (${why})`);
      return;
    }
    const found = analyzer;
    const distinct = [...new Map(sent.map((one) => [JSON.stringify(one), one])).values()];
    assert.ok(distinct.length > 0, "nothing was recorded");
    const faults = await Promise.all(
      distinct.map(async ({ sql, defaultDataset, parameters }) => {
        const fault = await found.fault(sql, catalogOf(PROJECT, tables, defaultDataset), parameters);
        return fault === null ? [] : [`${fault}\n${sql}`];
      }),
    );
    assert.deepEqual(faults.flat(), []);
    t.diagnostic(`${distinct.length} texts analyzed`);
  });

  test("nor in what each check of the docs' example becomes", async () => {
    if (analyzer === undefined) return;
    const page = readFileSync(path.join(root, "docs", "PIPELINES.md"), "utf8");
    const text = /### data_quality\n.+?```yaml\n(.+?)```/s.exec(page)?.[1] ?? "";
    const parsed = parseTemplate(text, "docs", { provider: "gcp", domain: "cost", name: "docs" });
    assert.ok("template" in parsed);
    const values = { date: "2025-11-15", least: -1 };
    const run = resolve(parsed.template, { tenantId: "analyzed", runId: "r", project: PROJECT, values });
    assert.ok("ok" in run);
    const [step] = run.ok.steps;
    assert.ok(step?.type === "data_quality");
    const { sql, params, checks } = qualityStatement(step, CHECKED, "2025-11-16T00:00:00Z");
    assert.deepEqual(
      checks.flatMap(({ fault }) => fault ?? []),
      [],
    );
    const body = {
      query: sql,
      queryParameters: params.map(({ name, type }) => ({ name, parameterType: { type } })),
    };
    const { parameters } = readSent(JSON.stringify(body)) ?? assert.fail();
    const known = [
      ...tableOf("billing", CHECKED),
      ...tableOf("skus", SKUS),
      ...tableOf("raw_2025-11-15", RAW),
    ];
    assert.equal(await analyzer.fault(sql, catalogOf(PROJECT, known, "analyzed"), parameters), null, sql);
  });

  test("the analyzer does find faults", async () => {
    if (analyzer === undefined) return;
    const catalog = catalogOf(PROJECT, tables, "analyzed");
    const faultOf = (sql: string): Promise<string | null> | undefined => analyzer?.fault(sql, catalog, []);
    assert.match(String(await faultOf("SELECT no_such FROM pipeline_runs")), /Unrecognized name: no_such/);
    assert.match(
      String(await faultOf("SELECT 1 FROM pipeline_runs WHERE start_time >= CURRENT_DATE()")),
      />=/,
    );
    assert.equal(await faultOf("SELECT 1 FROM pipeline_runs WHERE start_time >= CURRENT_TIMESTAMP()"), null);
  });
});
