/** What a bigquery_load step does, from real files, on the local BigQuery by the real client. */
import assert from "node:assert/strict";
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { type StepBench, stepBench, TENANT } from "../testing/steps.ts";

const SCHEMA =
  "schema: [{ name: day, type: DATE }, { name: service, type: STRING }, { name: cost, type: FLOAT }]";

function load(files: string, more = "", destination = "write_mode: append"): string {
  return `step_id: l
type: bigquery_load
files: ${files}
format: ndjson
${SCHEMA}
destination: { table: costs, ${destination} }${more}`;
}

/** A bench whose inbox has these files of the tenant's. */
async function bench(t: TestContext, files: Record<string, string>): Promise<StepBench & { folder: string }> {
  const inbox = await mkdtemp(path.join(tmpdir(), "inbox-"));
  t.after(() => rm(inbox, { recursive: true }));
  const folder = path.join(inbox, TENANT);
  await mkdir(path.join(folder, "sub"), { recursive: true });
  await mkdir(path.join(inbox, "Other"));
  await writeFile(path.join(inbox, "Other", "secret.ndjson"), row(1));
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  return { ...(await stepBench(t, inbox)), folder };
}

const row = (cost: number, service = "run"): string =>
  `${JSON.stringify({ day: "2025-11-15", service, cost })}\n`;

async function costs(b: StepBench): Promise<unknown[]> {
  return (await b.rows("SELECT service, cost FROM costs ORDER BY cost, service")).map((r) => r.cost);
}

async function message(b: StepBench, template: string, about = {}): Promise<string> {
  const outcome = await b.step(template, about);
  assert.ok(!outcome.ok, "the step should have failed");
  return outcome.message;
}

test("a file is appended once for a run and step, whatever is retried", async (t) => {
  const b = await bench(t, { "a.ndjson": row(1) + row(2) });
  const first = await b.step(load("[a.ndjson]"));
  assert.ok(first.ok, JSON.stringify(first));
  assert.deepEqual([first.result.rows, first.result.metadata?.files], [2, 1]);
  assert.equal(first.result.bytes, Buffer.byteLength(row(1) + row(2)));
  for (const attempt of [1, 2]) assert.ok((await b.step(load("[a.ndjson]"), { attempt })).ok);
  assert.deepEqual(await costs(b), [1, 2]);
  await b.step(load("[a.ndjson]"), { run: "run-2" });
  assert.deepEqual(await costs(b), [1, 1, 2, 2]);
});

test("several files, by wildcards, are written at once and once; what was between is dropped", async (t) => {
  const b = await bench(t, { "a.ndjson": row(1), "b.ndjson": row(2), "sub/c.ndjson": row(3), "d.csv": "x" });
  for (const attempt of [1, 1, 2]) {
    const done = await b.step(load('["*.ndjson", "sub/**"]'), { attempt });
    assert.ok(done.ok, JSON.stringify(done));
    assert.equal(done.result.rows, 3);
  }
  assert.deepEqual(await costs(b), [1, 2, 3]);
  const tables = await b.rows(`SELECT table_name FROM ${TENANT}.INFORMATION_SCHEMA.TABLES`);
  assert.deepEqual(tables.map(({ table_name }) => table_name).sort(), ["costs", "dq_results"]);
});

test("who takes over a step whose job was sent waits for it, reads no file, and clears up", async (t) => {
  const b = await bench(t, { "bad.ndjson": `${row(1)}x\n` });
  await b.sql("CREATE TABLE _convergence_load_run_1_0_1 (a INT64)");
  const job = { jobId: "run-1_0_1", sql: "SELECT 7 AS cost", params: [], defaultDataset: TENANT, labels: {} };
  const destination = { dataset: TENANT, table: "costs", write: "WRITE_APPEND" } as const;
  await b.warehouse.submitQuery({ ...job, destination });
  for (const files of ["[gone.ndjson]", "[bad.ndjson]"]) {
    const done = await b.step(load(files), { attempt: 2 });
    assert.ok(done.ok, JSON.stringify(done));
    assert.equal(done.result.rows, 1);
  }
  const tables = await b.rows(`SELECT table_name FROM ${TENANT}.INFORMATION_SCHEMA.TABLES`);
  assert.deepEqual(tables.map(({ table_name }) => table_name).sort(), ["costs", "dq_results"]);
  const other = load("[bad.ndjson]").replace("costs", "others");
  for (const attempt of [1, 2]) {
    assert.match(await message(b, other, { run: "r", attempt }), /^bad\.ndjson, line 2: /);
  }
});

test("overwrite replaces, merge replaces rows of the same keys; partition and cluster are made", async (t) => {
  const b = await bench(t, {
    "a.ndjson": row(1, "run") + row(2, "gke"),
    "b.ndjson": row(9, "gke") + row(5, "sql"),
  });
  const options = "partition_by: day, cluster_by: [service], write_mode:";
  await b.step(load("[a.ndjson]", "", `${options} overwrite`));
  const { timePartitioning, clustering } = await b.resource("costs");
  assert.deepEqual([timePartitioning, clustering], [{ type: "DAY", field: "day" }, { fields: ["service"] }]);
  const merge = load("[b.ndjson]", "", `${options} merge, keys: [day, service]`);
  for (const run of ["m1", "m2"]) {
    const merged = await b.step(merge, { run });
    assert.ok(merged.ok, JSON.stringify(merged));
  }
  assert.deepEqual(await costs(b), [1, 5, 9]);
  await b.step(load("[b.ndjson]", "", `${options} overwrite`), { run: "o" });
  assert.deepEqual(await costs(b), [5, 9]);
  assert.match(
    await message(b, merge.replace("keys: [day, service]", "keys: [nope]"), { run: "k" }),
    /key nope of merge is no column/,
  );
});

test("CSV with a delimiter, header rows and a null marker; the table's own columns where no schema is given", async (t) => {
  const b = await bench(t, { "a.csv": "day;service;cost\n2025-11-15;NIL;1.5\n" });
  const csv = load("[a.csv]").replace(
    "format: ndjson",
    'format: csv\ncsv: { delimiter: ";", header_rows: 1, null_marker: NIL }',
  );
  assert.ok((await b.step(csv)).ok);
  assert.ok((await b.step(csv.replace(SCHEMA, ""), { run: "run-2" })).ok);
  const rows = await b.rows("SELECT service, cost FROM costs");
  assert.deepEqual(rows, [
    { service: null, cost: 1.5 },
    { service: null, cost: 1.5 },
  ]);
});

test("a bad row is told by file and line, and nothing is written", async (t) => {
  const b = await bench(t, { "a.ndjson": row(1), "bad.ndjson": `${row(2)}${row(3)}{"cost": "zz"}\n` });
  assert.match(await message(b, load("[bad.ndjson]")), /^bad\.ndjson, line 3: invalid: .*cost/);
  assert.match(await message(b, load('["*.ndjson"]'), { run: "run-2" }), /^bad\.ndjson, line 3: /);
  assert.deepEqual(await b.rows(`SELECT table_name FROM ${TENANT}.INFORMATION_SCHEMA.TABLES`), [
    { table_name: "dq_results" },
  ]);
  const csv = load("[bad.csv]").replace("ndjson", "csv");
  await writeFile(path.join(b.folder, "bad.csv"), "2025-11-15,a,1\n2025-11-15,b\n");
  assert.match(await message(b, csv, { run: "run-3" }), /^bad\.csv, line 2: .*Too few values/);
});

test("what is not a file of the tenant's inbox is refused", async (t) => {
  const b = await bench(t, { "a.ndjson": row(1) });
  await symlink("../Other/secret.ndjson", path.join(b.folder, "link.ndjson"));
  await symlink("a.ndjson", path.join(b.folder, "own-link.ndjson"));
  await symlink("../Other", path.join(b.folder, "folder"));
  await link(path.join(b.folder, "a.ndjson"), path.join(b.folder, "sub", "same.ndjson"));
  const cases: [files: string, says: RegExp][] = [
    ["[link.ndjson]", /link\.ndjson is a link/],
    ["[own-link.ndjson]", /is a link/],
    ["[folder/secret.ndjson]", /is a link/],
    ['["folder/*"]', /is a link|No file/],
    ["[nothing.ndjson]", /No file of the tenant's inbox folder is nothing\.ndjson/],
    ["[sub]", /No file/],
  ];
  for (const [files, says] of cases)
    assert.match(await message(b, load(files), { run: files.replaceAll(/\W/g, "_") }), says, files);
  const away = ["/etc/passwd", "../Other/secret.ndjson", "sub/../../Other/secret.ndjson", "..\\\\Other"];
  for (const file of away)
    assert.throws(() => void b.step(load(`["${file}"]`)), /path within the inbox folder/, file);
  const step = load('["{name}.ndjson"]').replaceAll("\n", "\n    ");
  const value = `parameters: { name: { type: string } }\nsteps:\n  - ${step}\n`;
  for (const name of ["../Other/secret", "*", "..", "sub/same", ""]) {
    assert.throws(() => void b.step(value, { body: { name } }), /only letters, digits/, name);
  }
  assert.ok((await b.step(value, { body: { name: "a" }, run: "run-9" })).ok);
});

test("without an inbox, and for gs:// on a local BigQuery, the error says what to do", async (t) => {
  const b = await stepBench(t);
  assert.match(await message(b, load("[a.ndjson]")), /set CONVERGENCE_INBOX/);
  const uris = load("[x]").replace("files: [x]", 'uris: ["gs://bucket/x-*.ndjson"]');
  assert.match(await message(b, uris, { run: "run-2" }), /local BigQuery.*inbox/);
});

test("columns are detected where the step says so, by header and values", async (t) => {
  const b = await bench(t, { "a.csv": "day,cost\n2025-11-15,1\n" });
  const csv = load("[a.csv]").replace("ndjson", "csv").replace(SCHEMA, "schema: detect");
  assert.ok((await b.step(csv)).ok);
  assert.deepEqual(await b.rows("SELECT CAST(day AS STRING) AS day, cost FROM costs"), [
    { day: "2025-11-15", cost: 1 },
  ]);
});

test("a Parquet file brings its columns along", async (t) => {
  const b = await bench(t, {});
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const file = path.join(b.folder, "a.parquet");
  await connection.run(`COPY (SELECT 'run' AS service, 1.5::DOUBLE AS cost) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  const parquet = load("[a.parquet]").replace("ndjson", "parquet").replace(SCHEMA, "");
  assert.ok((await b.step(parquet)).ok);
  const merge = parquet.replace("write_mode: append", "write_mode: merge, keys: [service]");
  const merged = await b.step(merge, { run: "run-2" });
  assert.ok(merged.ok, JSON.stringify(merged));
  assert.deepEqual(await costs(b), [1.5]);
});
