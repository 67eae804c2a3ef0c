import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf, startKit } from "../test-kit.ts";

test("datasets: created once, patched, listed, deleted", async (t) => {
  const { client } = await startKit(t);
  await client.createDataset("one", { location: "EU", labels: { a: "1", b: "2" }, description: "x" });
  assert.deepEqual(await failureOf(client.createDataset("one")), {
    code: 409,
    reason: "duplicate",
    message: "Already Exists: Dataset gac-prod-471220:one",
  });
  await client.dataset("one").setMetadata({ description: "y", labels: { b: null, c: "3" } });
  const [{ metadata }] = await client.dataset("one").get();
  assert.equal(metadata.description, "y");
  assert.deepEqual(metadata.labels, { a: "1", c: "3" });
  assert.equal(metadata.location, "EU");
  const [datasets] = await client.getDatasets({ filter: "labels.a:1" });
  assert.deepEqual(
    datasets.map((d) => d.id),
    ["one"],
  );
  await client.dataset("one").delete();
  assert.equal((await failureOf(client.dataset("one").get())).code, 404);
  assert.equal((await failureOf(client.createDataset("bad!"))).reason, "invalid");
});

test("a dataset with tables is deleted only with its contents", async (t) => {
  const { client } = await startKit(t);
  const [dataset] = await client.createDataset("d");
  await dataset.createTable("t", { schema: "a:string" });
  const failure = await failureOf(dataset.delete());
  assert.deepEqual([failure.code, failure.reason], [400, "resourceInUse"]);
  await dataset.delete({ force: true });
  assert.deepEqual(await dataset.exists(), [false]);
});

test("names that differ by case are different datasets, tables and projects", async (t) => {
  const { client, rows } = await startKit(t);
  for (const dataset of ["Sales", "sales", "main"]) {
    await client.createDataset(dataset);
    for (const table of ["Data", "data", "DATA"]) {
      await rows(`CREATE TABLE ${dataset}.${table} AS SELECT '${dataset}.${table}' AS name`);
    }
  }
  assert.deepEqual(await rows("SELECT name FROM Sales.data"), [{ name: "Sales.data" }]);
  assert.deepEqual(await rows("SELECT name FROM sales.DATA"), [{ name: "sales.DATA" }]);
  assert.equal((await failureOf(client.query("SELECT name FROM SALES.data"))).reason, "notFound");
  await client.createDataset("sales", { projectId: "other-project" });
  const failure = await failureOf(client.query("SELECT name FROM `other-project.sales.data`"));
  assert.match(failure.message, /Table other-project:sales\.data was not found/);
});

test("a nested schema keeps its modes, and its rows their shape", async (t) => {
  const { client, rows } = await startKit(t);
  const [dataset] = await client.createDataset("d");
  const fields = [
    { name: "id", type: "INTEGER", mode: "REQUIRED" },
    {
      name: "items",
      type: "RECORD",
      mode: "REPEATED",
      fields: [
        { name: "sku", type: "STRING", mode: "NULLABLE" },
        { name: "tags", type: "STRING", mode: "REPEATED" },
      ],
    },
  ];
  const [table] = await dataset.createTable("t", { schema: { fields } });
  assert.deepEqual(table.metadata.schema.fields, fields);
  await rows("INSERT INTO d.t (id, items) VALUES (1, [STRUCT('x' AS sku, ['a', 'b'] AS tags)]), (2, [])");
  const [stored] = await table.getRows();
  assert.deepEqual(JSON.parse(JSON.stringify(stored)), [
    { id: 1, items: [{ sku: "x", tags: ["a", "b"] }] },
    { id: 2, items: [] },
  ]);
  assert.deepEqual(
    await rows("SELECT t.id, i.sku, tag FROM d.t AS t, t.items AS i, UNNEST(i.tags) AS tag ORDER BY tag"),
    [
      { id: 1, sku: "x", tag: "a" },
      { id: 1, sku: "x", tag: "b" },
    ],
  );
});

test("PATCH adds columns and relaxes REQUIRED; anything else is refused", async (t) => {
  const { client, rows } = await startKit(t);
  const [dataset] = await client.createDataset("d");
  const [table] = await dataset.createTable("t", {
    schema: { fields: [{ name: "a", type: "STRING", mode: "REQUIRED" }] },
  });
  await rows("INSERT INTO d.t VALUES ('x')");
  await table.setMetadata({
    schema: {
      fields: [
        { name: "a", type: "STRING" },
        { name: "b", type: "INTEGER" },
        { name: "c", type: "STRING", mode: "REPEATED" },
      ],
    },
  });
  await rows("INSERT INTO d.t (b) VALUES (1)");
  assert.deepEqual(await rows("SELECT * FROM d.t ORDER BY b"), [
    { a: "x", b: null, c: [] },
    { a: null, b: 1, c: [] },
  ]);
  const failure = await failureOf(
    table.setMetadata({ schema: { fields: [{ name: "b", type: "INTEGER" }] } }),
  );
  assert.match(failure.message, /Field a is missing in new schema/);
});

test("a table made again has a later creation time", async (t) => {
  const { client } = await startKit(t, {
    clock: { now: () => 1_800_000_000_000, after: () => ({ clear() {} }) },
  });
  const [dataset] = await client.createDataset("d");
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const [table] = await dataset.createTable("t", { schema: "a:string" });
    times.push(Number(table.metadata.creationTime));
    await table.delete();
  }
  const [first = 0] = times;
  assert.deepEqual(times, [first, first + 1, first + 2]);
});

test("an etag guards a change", async (t) => {
  const { client, server } = await startKit(t);
  await client.createDataset("d");
  const patch = (etag: string): Promise<Response> =>
    fetch(`${server.url}/bigquery/v2/projects/gac-prod-471220/datasets/d`, {
      method: "PATCH",
      headers: { "content-type": "application/json", "if-match": etag },
      body: JSON.stringify({ description: "new" }),
    });
  assert.equal((await patch("wrong")).status, 412);
  const [{ metadata }] = await client.dataset("d").get();
  assert.equal((await patch(metadata.etag)).status, 200);
});

test("bad requests are answered with 4xx", async (t) => {
  const { server } = await startKit(t);
  const base = `${server.url}/bigquery/v2/projects/p`;
  const post = (path: string, body: string): Promise<Response> =>
    fetch(`${base}/${path}`, { method: "POST", body });
  assert.equal((await post("datasets", "{")).status, 400);
  assert.equal((await post("datasets", "[]")).status, 400);
  assert.equal((await post("queries", "{}")).status, 400);
  assert.equal((await post("jobs", "{}")).status, 400);
  assert.equal((await fetch(`${base}/nonsense`)).status, 404);
  assert.equal((await fetch(`${base}/datasets/%E0%A4%A`)).status, 404);
  assert.equal((await fetch(`${base}/datasets?pageToken=zzz`)).status, 400);
});
