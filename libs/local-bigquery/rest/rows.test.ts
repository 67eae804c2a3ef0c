import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { failureOf, startKit } from "../test-kit.ts";

const SCHEMA = {
  fields: [
    { name: "id", type: "INTEGER", mode: "REQUIRED" },
    { name: "name", type: "STRING" },
    { name: "day", type: "DATE" },
  ],
};

function file(t: TestContext, name: string, content: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), "local-bigquery-load-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const made = path.join(folder, name);
  writeFileSync(made, content);
  return made;
}

test("a CSV file is loaded, its quotes and NULLs kept apart", async (t) => {
  const { client, rows } = await startKit(t);
  const [dataset] = await client.createDataset("d");
  const csv = file(t, "a.csv", 'id,name,day\n1,"x, ""y""",2024-01-01\n2,,\n3,"",2024-02-02\n');
  const [job] = await dataset
    .table("t")
    .load(csv, { sourceFormat: "CSV", skipLeadingRows: 1, schema: SCHEMA });
  assert.equal(job.statistics?.load?.outputRows, "3");
  assert.deepEqual(await rows("SELECT id, name, CAST(day AS STRING) AS day FROM d.t ORDER BY id"), [
    { id: 1, name: 'x, "y"', day: "2024-01-01" },
    { id: 2, name: null, day: null },
    { id: 3, name: "", day: "2024-02-02" },
  ]);
});

test("nested JSON lines are loaded; WRITE_TRUNCATE replaces", async (t) => {
  const { client, rows } = await startKit(t);
  const [dataset] = await client.createDataset("d");
  const fields = [
    { name: "id", type: "INTEGER" },
    { name: "cost", type: "NUMERIC" },
    { name: "labels", type: "RECORD", mode: "REPEATED", fields: [{ name: "key", type: "STRING" }] },
    { name: "raw", type: "JSON" },
  ];
  const lines = file(
    t,
    "a.json",
    '{"id": 1, "cost": "0.1", "labels": [{"key": "a"}, {"key": "b"}], "raw": {"b": 1, "a": [true]}}\n{"id": 2}\n',
  );
  const options = {
    sourceFormat: "NEWLINE_DELIMITED_JSON",
    schema: { fields },
    writeDisposition: "WRITE_TRUNCATE",
  };
  for (let i = 0; i < 2; i++) await dataset.table("t").load(lines, options);
  assert.deepEqual(await rows("SELECT * FROM d.t ORDER BY id"), [
    { id: 1, cost: "0.1", labels: [{ key: "a" }, { key: "b" }], raw: '{"a":[true],"b":1}' },
    { id: 2, cost: null, labels: [], raw: null },
  ]);
});

test("a bad row fails the whole load and leaves the table as it was", async (t) => {
  const { client, rows } = await startKit(t);
  const [dataset] = await client.createDataset("d");
  await dataset.createTable("t", { schema: SCHEMA });
  const failure = await failureOf(dataset.table("t").load(file(t, "a.csv", "1,x,2024-01-01\nzz,,\n"), {}));
  assert.equal(failure.reason, "invalid");
  assert.match(failure.message, /Row 2, field id: Cannot convert value to integer \(bad value\): zz/);
  assert.deepEqual(await rows("SELECT COUNT(*) AS n FROM d.t"), [{ n: 0 }]);
});

test("a resumable upload arrives in pieces", async (t) => {
  const { client, server, rows } = await startKit(t);
  const [dataset] = await client.createDataset("d");
  await dataset.createTable("t", { schema: SCHEMA });
  const base = `${server.url}/upload/bigquery/v2/projects/gac-prod-471220/jobs?uploadType=resumable`;
  const load = { destinationTable: { datasetId: "d", tableId: "t" } };
  const started = await fetch(base, { method: "POST", body: JSON.stringify({ configuration: { load } }) });
  const session = started.headers.get("location") ?? "";
  const put = (range: string, body: string): Promise<Response> =>
    fetch(session, { method: "PUT", headers: { "content-range": range }, body, redirect: "manual" });
  const first = await put("bytes 0-5/*", "1,a,20");
  assert.equal(first.status, 308);
  assert.equal(first.headers.get("range"), "bytes=0-5");
  assert.equal((await put("bytes 6-13/14", "24-01-01")).status, 200);
  assert.deepEqual(await rows("SELECT id, name FROM d.t"), [{ id: 1, name: "a" }]);
});

test("insertAll drops repeated insertIds and reports bad rows one by one", async (t) => {
  const { client, rows } = await startKit(t);
  const [dataset] = await client.createDataset("d");
  const [table] = await dataset.createTable("t", { schema: SCHEMA });
  const raw = [{ insertId: "one", json: { id: 1, name: "a" } }];
  await table.insert(raw, { raw: true });
  await table.insert(raw, { raw: true });
  assert.deepEqual(await rows("SELECT COUNT(*) AS n FROM d.t"), [{ n: 1 }]);
  const failure = await table
    .insert([{ id: 2 }, { name: "no id" }, { id: 3, nope: 1 }], { partialRetries: 0 })
    .then(
      () => assert.fail("it was taken"),
      (error: unknown) => JSON.stringify(error),
    );
  assert.match(failure, /Missing required field: id/);
  assert.match(failure, /no such field: nope/);
  assert.deepEqual(await rows("SELECT COUNT(*) AS n FROM d.t"), [{ n: 1 }]);
  assert.equal((await failureOf(dataset.table("none").insert([{ id: 1 }], { partialRetries: 0 }))).code, 404);
});
