import assert from "node:assert/strict";
import { at, fails, metadataOf, send, steps } from "./steps-test-kit.ts";

const NESTED = [
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

steps("tables", {
  "a table is made from a short schema": async ({ dataset }) => {
    const [table] = await dataset.createTable("t", { schema: "a:string,b:integer" });
    const fields = at(await metadataOf(table.getMetadata()), "schema.fields");
    assert.deepEqual(fields, [
      { name: "a", type: "STRING", mode: "NULLABLE" },
      { name: "b", type: "INTEGER", mode: "NULLABLE" },
    ]);
  },
  "a nested schema keeps its modes": async ({ dataset }) => {
    const [table] = await dataset.createTable("t", { schema: { fields: NESTED } });
    assert.deepEqual(at(await metadataOf(table.getMetadata()), "schema.fields"), NESTED);
  },
  "descriptions of columns are kept": async ({ dataset }) => {
    const fields = [{ name: "a", type: "STRING", mode: "NULLABLE", description: "what a is" }];
    const [table] = await dataset.createTable("t", { schema: { fields } });
    assert.deepEqual(at(await metadataOf(table.getMetadata()), "schema.fields"), fields);
  },
  "the same id again is 409 duplicate": async ({ dataset, id }) => {
    await dataset.createTable("t", { schema: "a:string" });
    const again = dataset.createTable("t", { schema: "a:string" });
    await fails(again, "duplicate", new RegExp(`^Already Exists: Table gac-prod-471220:${id}\\.t$`));
  },
  "in a dataset that is not there: 404": ({ client }) =>
    fails(client.dataset("nowhere").createTable("t", { schema: "a:string" }), "notFound", /Dataset/),
  "a table that is not there is 404": async ({ dataset, id }) => {
    const message = new RegExp(`^Not found: Table gac-prod-471220:${id}\\.none$`);
    await fails(dataset.table("none").getMetadata(), "notFound", message);
    assert.deepEqual(await dataset.table("none").exists(), [false]);
  },
  "an id with a dash is a table like any other": async ({ dataset, rows, id }) => {
    await dataset.createTable("export_2025-11-15", { schema: "a:integer" });
    await rows(`INSERT INTO \`gac-prod-471220.${id}.export_2025-11-15\` VALUES (1)`);
    assert.deepEqual(await rows("SELECT a FROM `export_2025-11-15`"), [{ a: 1 }]);
  },
  "an id that is none is 400 invalid": ({ dataset }) =>
    fails(dataset.createTable("a.b", { schema: "a:string" }), "invalid", /Invalid table ID/),
  "a column twice is 400": ({ dataset }) =>
    fails(dataset.createTable("t", { schema: "a:string,A:string" }), "invalid", /Duplicate field name/i),
  "ids that differ by case are different tables": async ({ dataset, rows }) => {
    for (const name of ["Data", "data", "DATA"]) {
      await dataset.createTable(name, { schema: "a:string" });
      await rows(`INSERT INTO ${name} VALUES ('${name}')`);
    }
    assert.deepEqual(await rows("SELECT a FROM DATA"), [{ a: "DATA" }]);
  },
  "description, labels, friendly name and expiry are kept": async ({ dataset }) => {
    const expirationTime = String(Date.now() + 3_600_000);
    const given = { description: "x", friendlyName: "f", labels: { a: "1" }, expirationTime };
    const [table] = await dataset.createTable("t", { schema: "a:string", ...given });
    const { description, friendlyName, labels, expirationTime: kept } = await metadataOf(table.getMetadata());
    assert.deepEqual({ description, friendlyName, labels, expirationTime: kept }, given);
  },
  "partitioning and clustering are kept": async ({ dataset }) => {
    const layout = {
      timePartitioning: { type: "DAY", field: "day", expirationMs: "86400000" },
      clustering: { fields: ["tenant", "kind"] },
    };
    const [table] = await dataset.createTable("t", {
      schema: "day:date,tenant:string,kind:string",
      ...layout,
    });
    const { timePartitioning, clustering } = await metadataOf(table.getMetadata());
    assert.deepEqual({ timePartitioning, clustering }, layout);
  },
  "partitioning by a column that is not there is 400": ({ dataset }) =>
    fails(
      dataset.createTable("t", { schema: "a:string", timePartitioning: { type: "DAY", field: "day" } }),
      "invalid",
      /partitioning cannot be found in the schema/,
    ),
  "partitioning by a STRING is 400": ({ dataset }) =>
    fails(
      dataset.createTable("t", { schema: "a:string", timePartitioning: { type: "DAY", field: "a" } }),
      "invalid",
      /can only be of type/,
    ),
  "the list is in order and tells of kind and layout": async ({ dataset, rows }) => {
    await dataset.createTable("b", { schema: "x:date", timePartitioning: { type: "DAY", field: "x" } });
    await dataset.createTable("a", { schema: "x:date", clustering: { fields: ["x"] } });
    await rows("CREATE VIEW v AS SELECT x FROM a");
    const [all] = await dataset.getTables();
    assert.deepEqual(
      all.map(({ id, metadata: { type, timePartitioning, clustering } }) => [
        id,
        type,
        timePartitioning?.field,
        clustering?.fields,
      ]),
      [
        ["a", "TABLE", undefined, ["x"]],
        ["b", "TABLE", "x", undefined],
        ["v", "VIEW", undefined, undefined],
      ],
    );
  },
  "a long list comes in pages, which the client follows": async ({ dataset, rows }) => {
    const names = Array.from({ length: 60 }, (_, i) => `t${100 + i}`);
    await rows(names.map((name) => `CREATE TABLE ${name} (a INT64)`).join(";"));
    const [first, next] = await dataset.getTables({ maxResults: 25, autoPaginate: false });
    assert.deepEqual(
      first.map((t) => t.id),
      names.slice(0, 25),
    );
    assert.ok(at(next, "pageToken"));
    const [all] = await dataset.getTables();
    assert.deepEqual(
      all.map((t) => t.id),
      names,
    );
  },
  "numRows, numBytes and the time of change follow its rows": async ({ dataset, rows }) => {
    const [table] = await dataset.createTable("t", { schema: "a:integer" });
    const empty = await metadataOf(table.getMetadata());
    assert.deepEqual([empty.numRows, empty.numBytes], ["0", "0"]);
    await rows("INSERT INTO t VALUES (1), (2)");
    const filled = await metadataOf(table.getMetadata());
    assert.deepEqual([filled.numRows, filled.numBytes], ["2", "16"]);
    assert.ok(Number(filled.lastModifiedTime) >= Number(empty.lastModifiedTime));
  },
  "PATCH adds columns; older rows have NULL or []": async ({ dataset, rows }) => {
    const [table] = await dataset.createTable("t", { schema: "a:string" });
    await rows("INSERT INTO t VALUES ('x')");
    const added = [
      { name: "b", type: "INTEGER" },
      { name: "c", type: "STRING", mode: "REPEATED" },
    ];
    await table.setMetadata({ schema: { fields: [{ name: "a", type: "STRING" }, ...added] } });
    assert.deepEqual(await rows("SELECT * FROM t"), [{ a: "x", b: null, c: [] }]);
  },
  "PATCH relaxes REQUIRED": async ({ dataset, rows }) => {
    const fields = [{ name: "a", type: "STRING", mode: "REQUIRED" }];
    const [table] = await dataset.createTable("t", { schema: { fields } });
    await table.setMetadata({ schema: { fields: [{ name: "a", type: "STRING", mode: "NULLABLE" }] } });
    await rows("INSERT INTO t VALUES (NULL)");
    assert.deepEqual(await rows("SELECT a FROM t"), [{ a: null }]);
  },
  "PATCH takes no column away": async ({ dataset }) => {
    const [table] = await dataset.createTable("t", { schema: "a:string,b:integer" });
    const patch = table.setMetadata({ schema: { fields: [{ name: "b", type: "INTEGER" }] } });
    await fails(patch, "invalid", /^Provided Schema does not match Table .*Field a is missing in new schema/);
  },
  "PATCH changes no type and tightens no mode": async ({ dataset }) => {
    const [table] = await dataset.createTable("t", { schema: "a:string" });
    const type = table.setMetadata({ schema: { fields: [{ name: "a", type: "INTEGER" }] } });
    await fails(type, "invalid", /Field a has changed type from STRING to INTEGER/);
    const mode = table.setMetadata({ schema: { fields: [{ name: "a", type: "STRING", mode: "REQUIRED" }] } });
    await fails(mode, "invalid", /Field a has changed mode from NULLABLE to REQUIRED/);
  },
  "PATCH merges labels and takes a description away": async (step) => {
    const labels = { a: "1", b: "2" };
    const [table] = await step.dataset.createTable("t", { schema: "a:string", description: "x", labels });
    const patch = { description: null, labels: { a: null, c: "3" } };
    await send(step, "PATCH", `datasets/${step.id}/tables/t`, patch);
    const metadata = await metadataOf(table.getMetadata());
    assert.equal(metadata.description, undefined);
    assert.deepEqual(metadata.labels, { b: "2", c: "3" });
  },
  "an etag guards a change: another one is 412": async ({ dataset }) => {
    const [table] = await dataset.createTable("t", { schema: "a:string" });
    const { etag } = await metadataOf(table.getMetadata());
    await table.setMetadata({ description: "new", etag: String(etag) });
    await fails(table.setMetadata({ description: "x", etag: String(etag) }), "conditionNotMet", /etag/);
  },
  "a view made by REST answers, and has its query's schema": async ({ dataset, rows, id }) => {
    await dataset.createTable("t", { schema: "a:integer" });
    await rows("INSERT INTO t VALUES (1), (2)");
    const [view] = await dataset.createTable("v", { view: `SELECT a + 1 AS b FROM ${id}.t` });
    const metadata = await metadataOf(view.getMetadata());
    assert.equal(metadata.type, "VIEW");
    assert.deepEqual(at(metadata, "schema.fields.0.name"), "b");
    assert.deepEqual(await rows("SELECT b FROM v ORDER BY b"), [{ b: 2 }, { b: 3 }]);
  },
  "deleted, it is gone; deleted again, it is 404": async ({ dataset }) => {
    const [table] = await dataset.createTable("t", { schema: "a:string" });
    await table.delete();
    assert.deepEqual(await table.exists(), [false]);
    await fails(table.delete(), "notFound", /^Not found: Table/);
  },
  "made again, it is empty and has a later creation time": async ({ dataset, rows }) => {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const [table] = await dataset.createTable("t", { schema: "a:integer" });
      times.push(Number((await metadataOf(table.getMetadata())).creationTime));
      assert.deepEqual(await rows("SELECT a FROM t"), []);
      await rows("INSERT INTO t VALUES (1)");
      await table.delete();
    }
    assert.deepEqual(
      times,
      [...new Set(times)].sort((a, b) => a - b),
    );
  },
  "REQUIRED holds for DML too": async ({ dataset, rows }) => {
    await dataset.createTable("t", { schema: { fields: NESTED } });
    await fails(
      rows("INSERT INTO t (items) VALUES ([])"),
      "invalidQuery",
      /Required field id cannot be null/i,
    );
    await rows("INSERT INTO t (id) VALUES (1)");
    await fails(
      rows("UPDATE t SET id = NULL WHERE TRUE"),
      "invalidQuery",
      /Required field id cannot be null/i,
    );
  },
  "refused by choice: ingestion time, external data, a materialised view": async ({ dataset }) => {
    const others: [string, object][] = [
      ["externalDataConfiguration", { externalDataConfiguration: { sourceUris: ["gs://x"] } }],
      ["materializedView", { materializedView: { query: "SELECT 1 AS a" } }],
      ["ingestion time", { timePartitioning: { type: "DAY" } }],
    ];
    for (const [name, given] of others)
      await fails(
        dataset.createTable("t", { schema: "a:integer", ...given }),
        "notImplemented",
        new RegExp(name),
      );
    assert.deepEqual(await dataset.table("t").exists(), [false]);
  },
  "refused by choice: a table without a schema": ({ dataset }) =>
    fails(dataset.createTable("t", {}), "notImplemented", /table without a schema/),
});
