import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import type { JobLoadMetadata } from "@google-cloud/bigquery";
import { PROJECT } from "../test-kit.ts";
import { at, fails, metadataOf, type Step, steps } from "./steps-test-kit.ts";

const SCHEMA = {
  fields: [
    { name: "id", type: "INTEGER", mode: "REQUIRED" },
    { name: "name", type: "STRING" },
    { name: "day", type: "DATE" },
  ],
};

/** Loads a file's text into table t; gives the job's metadata. */
async function load(step: Step, content: string, metadata: JobLoadMetadata = {}): Promise<unknown> {
  const file = step.file(metadata.sourceFormat === "NEWLINE_DELIMITED_JSON" ? "t.json" : "t.csv", content);
  const [job] = await step.dataset.table("t").load(file, { schema: SCHEMA, ...metadata });
  return job;
}

const JSON_LINES = { sourceFormat: "NEWLINE_DELIMITED_JSON" };
const ROWS = "SELECT id, name, CAST(day AS STRING) AS day FROM t ORDER BY id";

steps("load jobs", {
  "CSV: quotes, empty text and NULL kept apart": async (step) => {
    const csv = 'id,name,day\n1,"x, ""y""",2024-01-01\n2,,\n3,"",2024-02-02\n';
    const job = await load(step, csv, { skipLeadingRows: 1 });
    assert.equal(at(job, "statistics.load.outputRows"), "3");
    assert.deepEqual(await step.rows(ROWS), [
      { id: 1, name: 'x, "y"', day: "2024-01-01" },
      { id: 2, name: null, day: null },
      { id: 3, name: "", day: "2024-02-02" },
    ]);
  },
  "CSV: another delimiter, null marker and quote": async (step) => {
    await load(step, "1;'a;b';NIL\n", { fieldDelimiter: ";", quote: "'", nullMarker: "NIL" });
    assert.deepEqual(await step.rows(ROWS), [{ id: 1, name: "a;b", day: null }]);
  },
  "CSV: line breaks in quotes only where they are allowed": async (step) => {
    const csv = '1,"a\nb",\n';
    await fails(load(step, csv), "invalid", /Error while reading data/);
    await load(step, csv, { allowQuotedNewlines: true });
    assert.deepEqual(await step.rows(ROWS), [{ id: 1, name: "a\nb", day: null }]);
  },
  "CSV: short rows only where they are allowed": async (step) => {
    await fails(load(step, "1,a\n"), "invalid", /Too few values in row: 2 of 3/);
    await load(step, "1,a\n", { allowJaggedRows: true });
    assert.deepEqual(await step.rows(ROWS), [{ id: 1, name: "a", day: null }]);
  },
  "NDJSON: nested and repeated fields, JSON, exact NUMERIC": async (step) => {
    const fields = [
      { name: "id", type: "INTEGER" },
      { name: "cost", type: "NUMERIC" },
      { name: "labels", type: "RECORD", mode: "REPEATED", fields: [{ name: "key", type: "STRING" }] },
      { name: "raw", type: "JSON" },
    ];
    const lines =
      '{"id": 1, "cost": "0.123456789", "labels": [{"key": "a"}, {"key": "b"}], "raw": {"b": 1, "a": [true]}}\n{"id": 2}\n';
    await load(step, lines, { ...JSON_LINES, schema: { fields } });
    assert.deepEqual(await step.rows("SELECT * FROM t ORDER BY id"), [
      { id: 1, cost: "0.123456789", labels: [{ key: "a" }, { key: "b" }], raw: '{"a":[true],"b":1}' },
      { id: 2, cost: null, labels: [], raw: null },
    ]);
  },
  "statistics count files, bytes and rows": async (step) => {
    const lines = '{"id": 1}\n{"id": 2}\n';
    const statistics = at(await load(step, lines, JSON_LINES), "statistics.load");
    assert.equal(at(statistics, "inputFiles"), "1");
    assert.equal(at(statistics, "inputFileBytes"), String(lines.length));
    assert.equal(at(statistics, "outputRows"), "2");
    assert.equal(at(statistics, "badRecords"), "0");
  },
  "a table's own schema serves where the job has none": async (step) => {
    await step.dataset.createTable("t", { schema: SCHEMA });
    await load(step, "1,a,\n", { schema: undefined });
    assert.deepEqual(await step.rows(ROWS), [{ id: 1, name: "a", day: null }]);
    const none = step.dataset.table("u").load(step.file("u.csv", "1\n"), {});
    await fails(none, "invalid", /^No schema specified on job or table\.$/);
  },
  "a bad row fails the whole load and leaves the table as it was": async (step) => {
    await step.dataset.createTable("t", { schema: SCHEMA });
    const message = /Row 2, field id: Cannot convert value to integer \(bad value\): zz/;
    await fails(load(step, "1,x,2024-01-01\nzz,,\n"), "invalid", message);
    assert.deepEqual(await step.rows("SELECT COUNT(*) AS n FROM t"), [{ n: 0 }]);
  },
  "the failed job keeps errorResult": async (step) => {
    const jobId = `${step.id}_bad`;
    await fails(load(step, "zz,,\n", { jobId }), "invalid", /bad value/);
    const metadata = await metadataOf(step.client.job(jobId).getMetadata());
    assert.equal(at(metadata, "status.errorResult.reason"), "invalid");
    assert.equal(at(metadata, "configuration.jobType"), "LOAD");
  },
  "maxBadRecords lets so many pass": async (step) => {
    const csv = "1,a,\nzz,,\n2,b,\nyy,,\n";
    await fails(load(step, csv, { maxBadRecords: 1 }), "invalid", /Row 4/);
    const job = await load(step, csv, { maxBadRecords: 2 });
    assert.equal(at(job, "statistics.load.badRecords"), "2");
    assert.equal((await step.rows(ROWS)).length, 2);
  },
  "unknown fields fail, or are left out where the job says so": async (step) => {
    const lines = '{"id": 1, "extra": true}\n';
    await fails(load(step, lines, JSON_LINES), "invalid", /no such field: extra/i);
    await load(step, lines, { ...JSON_LINES, ignoreUnknownValues: true });
    assert.deepEqual(await step.rows(ROWS), [{ id: 1, name: null, day: null }]);
  },
  "a REQUIRED field that is missing fails": (step) =>
    fails(load(step, '{"name": "a"}\n', JSON_LINES), "invalid", /Missing required field: id/),
  "a line that is no JSON fails": (step) =>
    fails(load(step, '{"id": 1}\n{"id":\n', JSON_LINES), "invalid", /Row 2.*JSON/),
  "WRITE_APPEND is usual, WRITE_TRUNCATE replaces, WRITE_EMPTY refuses rows": async (step) => {
    await load(step, "1,a,\n");
    await load(step, "2,b,\n");
    assert.equal((await step.rows(ROWS)).length, 2);
    await fails(
      load(step, "3,c,\n", { writeDisposition: "WRITE_EMPTY" }),
      "duplicate",
      /Already Exists: Table/,
    );
    await load(step, "4,d,\n", { writeDisposition: "WRITE_TRUNCATE" });
    assert.deepEqual(await step.rows("SELECT id FROM t"), [{ id: 4 }]);
  },
  "CREATE_NEVER needs the table": (step) =>
    fails(load(step, "1,a,\n", { createDisposition: "CREATE_NEVER" }), "notFound", /Not found: Table/),
  "a job id is good for one load": async (step) => {
    const jobId = `${step.id}_once`;
    await load(step, "1,a,\n", { jobId });
    await fails(load(step, "1,a,\n", { jobId }), "duplicate", /Already Exists: Job/);
    assert.equal((await step.rows(ROWS)).length, 1);
  },
  "a partitioned table is made by a load": async (step) => {
    await load(step, "1,a,2026-01-01\n", { timePartitioning: { type: "DAY", field: "day" } });
    const metadata = await metadataOf(step.dataset.table("t").getMetadata());
    assert.deepEqual(metadata.timePartitioning, { type: "DAY", field: "day" });
  },
  "a load into a partition replaces that one alone": async (step) => {
    await load(step, "1,a,2026-01-01\n2,b,2026-01-02\n", {
      timePartitioning: { type: "DAY", field: "day" },
    });
    const partition = (content: string): Promise<unknown> =>
      step.dataset
        .table("t$20260101")
        .load(step.file("p.csv", content), { schema: SCHEMA, writeDisposition: "WRITE_TRUNCATE" });
    await partition("3,c,2026-01-01\n");
    assert.deepEqual(await step.rows("SELECT id FROM t ORDER BY id"), [{ id: 2 }, { id: 3 }]);
    await fails(partition("4,d,2026-01-02\n"), "invalid", /different partitions/);
  },
  "createWriteStream uploads what is written to it": async (step) => {
    const stream = step.dataset.table("t").createWriteStream({ schema: SCHEMA, sourceFormat: "CSV" });
    const done = new Promise((resolve, reject) => {
      stream.on("complete", resolve).on("error", reject);
    });
    stream.end("1,a,2026-01-01\n");
    await done;
    const [job] = (await step.client.getJobs({ maxResults: 1, autoPaginate: false }))[0];
    assert.ok(job);
    await job.promise();
    assert.deepEqual(await step.rows(ROWS), [{ id: 1, name: "a", day: "2026-01-01" }]);
  },
  "a resumable upload arrives in pieces": async (step) => {
    await step.dataset.createTable("t", { schema: SCHEMA });
    const put = await beginUpload(step);
    const first = await put("bytes 0-5/*", "1,a,20");
    assert.equal(first.status, 308);
    assert.equal(first.headers.get("range"), "bytes=0-5");
    assert.equal((await put("bytes 6-13/14", "24-01-01")).status, 200);
    assert.deepEqual(await step.rows(ROWS), [{ id: 1, name: "a", day: "2024-01-01" }]);
  },
  "a resumable upload tells how far it came, and takes no piece twice": async (step) => {
    await step.dataset.createTable("t", { schema: SCHEMA });
    const put = await beginUpload(step);
    await put("bytes 0-5/*", "1,a,20");
    const asked = await put("bytes */*", "");
    assert.deepEqual([asked.status, asked.headers.get("range")], [308, "bytes=0-5"]);
    const repeated = await put("bytes 0-5/*", "1,a,20");
    assert.deepEqual([repeated.status, repeated.headers.get("range")], [308, "bytes=0-5"]);
    assert.equal((await put("bytes 6-13/14", "24-01-01")).status, 200);
    assert.equal((await step.rows(ROWS)).length, 1);
    assert.equal((await put("bytes 6-13/14", "24-01-01")).status, 404);
  },
  "autodetect of CSV: types, a header found or told, names for columns without": async (step) => {
    const detect = (csv: string, more: JobLoadMetadata = {}): Promise<unknown> =>
      load(step, csv, { schema: undefined, autodetect: true, writeDisposition: "WRITE_TRUNCATE", ...more });
    const fields = async (): Promise<unknown> =>
      at(await metadataOf(step.dataset.table("t").getMetadata()), "schema.fields");
    const named = (list: string): unknown =>
      list.split(" ").map((one) => ({ name: one.split(":")[0], type: one.split(":")[1], mode: "NULLABLE" }));
    await detect("day,a b,n,x,ok\n2025-11-15,q,1,1,true\n2025-11-16,,2,2.5,false\n");
    assert.deepEqual(await fields(), named("day:DATE a_b:STRING n:INTEGER x:FLOAT ok:BOOLEAN"));
    assert.deepEqual(await step.rows("SELECT a_b, n, x FROM t ORDER BY n"), [
      { a_b: "q", n: 1, x: 1 },
      { a_b: null, n: 2, x: 2.5 },
    ]);
    await detect("1,a\n2,b\n");
    assert.deepEqual(await fields(), named("int64_field_0:INTEGER string_field_1:STRING"));
    assert.equal((await step.rows("SELECT * FROM t")).length, 2);
    await detect("a,b\nc,d\n");
    assert.equal((await step.rows("SELECT string_field_0 FROM t")).length, 2);
    await detect("a,b\nc,d\n", { skipLeadingRows: 1 });
    assert.deepEqual(await step.rows("SELECT a, b FROM t"), [{ a: "c", b: "d" }]);
  },
  "autodetect of NDJSON: nested, repeated, times, a wider type where values differ": async (step) => {
    const lines =
      '{"n": 1, "x": 1, "at": "2025-11-15T10:00:00Z", "l": [1, 2], "r": {"k": "v"}, "m": 1}\n{"x": 2.5, "m": "s", "rs": [{"k": 1}], "nothing": null}\n';
    await load(step, lines, { ...JSON_LINES, schema: undefined, autodetect: true });
    const { schema } = await metadataOf(step.dataset.table("t").getMetadata());
    const shown = JSON.stringify(at(schema, "fields"), ["name", "type", "mode", "fields"]).replaceAll(
      '"',
      "",
    );
    assert.match(
      shown,
      /name:n,type:INTEGER.*name:x,type:FLOAT.*name:at,type:TIMESTAMP.*name:l,type:INTEGER,mode:REPEATED/,
    );
    assert.match(
      shown,
      /name:r,type:RECORD,mode:NULLABLE,fields:.*name:m,type:STRING.*name:rs,type:RECORD,mode:REPEATED/,
    );
    assert.deepEqual(await step.rows("SELECT m, l FROM t WHERE n = 1"), [{ m: "1", l: [1, 2] }]);
    await fails(
      load(step, '{"a": 1}\n{"a": {}}\n', { ...JSON_LINES, schema: undefined, autodetect: true }),
      "invalid",
      /field a/,
    );
  },
  "Parquet: the file's columns and values, nested ones too; what is none is refused": async (step) => {
    const file = step.file("t.parquet", "");
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    await connection.run(
      `COPY (SELECT 9007199254740993 AS id, 1.123456789::DECIMAL(18, 9) AS cost, [1, 2] AS l, {'k': 'v', 'n': [{'d': DATE '2025-11-15'}]} AS r,
        TIMESTAMPTZ '2025-11-15 10:00:00.5+00' AS at, '\\xC3\\xA9\\x00'::BLOB AS b, NULL::VARCHAR AS s) TO '${file}' (FORMAT parquet)`,
    );
    connection.closeSync();
    instance.closeSync();
    const parquet = { sourceFormat: "PARQUET", writeDisposition: "WRITE_TRUNCATE" };
    await step.dataset.table("t").load(file, parquet);
    const rows = await step.rows(
      "SELECT CAST(id AS STRING) AS id, cost, l, r.k AS k, CAST(r.n[0].d AS STRING) AS d, CAST(at AS STRING) AS at, TO_HEX(b) AS b, s FROM t",
    );
    assert.deepEqual(rows, [
      {
        id: "9007199254740993",
        cost: "1.123456789",
        l: [1, 2],
        k: "v",
        d: "2025-11-15",
        at: "2025-11-15 10:00:00.500+00",
        b: "c3a900",
        s: null,
      },
    ]);
    await fails(step.dataset.table("t").load(step.file("no.parquet", "x"), parquet), "invalid", /Parquet/);
  },
  "refused by choice: other formats, files in the cloud": async (step) => {
    await fails(load(step, "x", { sourceFormat: "AVRO" }), "notImplemented", /AVRO/);
    const options = { schemaUpdateOptions: ["ALLOW_FIELD_ADDITION"] };
    await fails(load(step, "1", options), "notImplemented", /schemaUpdateOptions/);
    const configuration = { load: { sourceUris: ["gs://b/x.csv"], destinationTable: { tableId: "t" } } };
    await fails(step.client.createJob({ configuration }), "notImplemented", /load jobs/);
  },
});

/** Begins a resumable upload into table t, as other clients do. Gives a way to send its pieces. */
async function beginUpload(step: Step): Promise<(range: string, body: string) => Promise<Response>> {
  const load = { destinationTable: { datasetId: step.id, tableId: "t" } };
  const started = await fetch(
    `${step.server.url}/upload/bigquery/v2/projects/${PROJECT}/jobs?uploadType=resumable`,
    { method: "POST", body: JSON.stringify({ configuration: { load } }) },
  );
  const session = started.headers.get("location") ?? "";
  return (range, body) =>
    fetch(session, { method: "PUT", headers: { "content-range": range }, body, redirect: "manual" });
}
