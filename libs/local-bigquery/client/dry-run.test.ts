import assert from "node:assert/strict";
import type { JsonObject } from "../json.ts";
import { at, fails, metadataOf, type Step, send, steps } from "./steps-test-kit.ts";

async function dry(step: Step, query: string, more: object = {}): Promise<JsonObject> {
  const defaultDataset = { datasetId: step.id };
  const [job] = await step.client.createQueryJob({ query, defaultDataset, dryRun: true, ...more });
  return metadataOf(Promise.resolve([job.metadata]));
}

async function withTable({ rows }: Step): Promise<void> {
  await rows("CREATE TABLE t (id INT64, name STRING)");
  await rows("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
}

steps("dry runs", {
  "tell the schema": async (step) => {
    await withTable(step);
    const metadata = await dry(step, "SELECT name, COUNT(*), [1] AS a FROM t GROUP BY name");
    assert.deepEqual(at(metadata, "statistics.query.schema.fields"), [
      { name: "name", type: "STRING", mode: "NULLABLE" },
      { name: "f0_", type: "INTEGER", mode: "NULLABLE" },
      { name: "a", type: "INTEGER", mode: "REPEATED" },
    ]);
  },
  "tell the bytes": async (step) => {
    await withTable(step);
    const metadata = await dry(step, "SELECT name FROM t");
    const bytes = at(metadata, "statistics.totalBytesProcessed");
    assert.ok(Number(bytes) > 0);
    assert.equal(at(metadata, "statistics.query.totalBytesProcessed"), bytes);
  },
  "tell the tables": async (step) => {
    await withTable(step);
    await step.rows("CREATE TABLE u (id INT64)");
    const metadata = await dry(step, `SELECT * FROM t JOIN \`${step.id}.u\` USING (id)`);
    const tables = at(metadata, "statistics.query.referencedTables");
    assert.ok(Array.isArray(tables));
    assert.deepEqual(tables.map((table) => at(table, "tableId")).sort(), ["t", "u"]);
  },
  "tell the statement's type": async (step) => {
    await withTable(step);
    for (const [query, type] of [
      ["SELECT 1", "SELECT"],
      ["UPDATE t SET name = '' WHERE TRUE", "UPDATE"],
      ["CREATE TABLE u AS SELECT 1 AS a", "CREATE_TABLE_AS_SELECT"],
    ])
      assert.equal(at(await dry(step, query ?? ""), "statistics.query.statementType"), type);
  },
  "are DONE and make no job": async (step) => {
    const jobId = `${step.id}_dry`;
    const metadata = await dry(step, "SELECT 1", { jobId });
    assert.equal(at(metadata, "status.state"), "DONE");
    assert.deepEqual(await step.client.job(jobId).exists(), [false]);
  },
  "of DML have no effect": async (step) => {
    await withTable(step);
    await dry(step, "INSERT INTO t VALUES (7, 'z')");
    await dry(step, "DELETE FROM t WHERE TRUE");
    await dry(
      step,
      "MERGE t USING (SELECT 9 AS id) s ON FALSE WHEN NOT MATCHED THEN INSERT (id) VALUES (id)",
    );
    assert.deepEqual(await step.rows("SELECT id FROM t ORDER BY id"), [{ id: 1 }, { id: 2 }]);
  },
  "of DDL have no effect": async (step) => {
    await withTable(step);
    await dry(step, "DROP TABLE t");
    await dry(step, "ALTER TABLE t ADD COLUMN x INT64");
    await dry(step, "CREATE TABLE u (a INT64)");
    const [tables] = await step.dataset.getTables();
    assert.deepEqual(
      tables.map((t) => t.id),
      ["t"],
    );
    assert.deepEqual(await step.rows("SELECT * FROM t WHERE id = 1"), [{ id: 1, name: "a" }]);
  },
  "with a destination have no effect": async (step) => {
    await dry(step, "SELECT 1 AS a", { destination: step.dataset.table("out") });
    assert.deepEqual(await step.dataset.table("out").exists(), [false]);
  },
  "take parameters": async (step) => {
    await withTable(step);
    const metadata = await dry(step, "SELECT @p AS p FROM t WHERE id = @id", {
      params: { p: "x", id: 1 },
    });
    assert.equal(at(metadata, "statistics.query.schema.fields.0.type"), "STRING");
  },
  "refuse what the query would be refused for": async (step) => {
    await withTable(step);
    await fails(dry(step, "SELECT nope FROM t"), "invalidQuery", /^Unrecognized name: nope at \[1:8\]$/);
    await fails(dry(step, "SELECT * FROM none"), "notFound", /none was not found/);
  },
  "by POST /queries answer with schema and bytes": async (step) => {
    await withTable(step);
    const query = `SELECT name FROM ${step.id}.t`;
    const { status, body } = await send(step, "POST", "queries", {
      query,
      useLegacySql: false,
      dryRun: true,
    });
    assert.equal(status, 200);
    assert.equal(body.jobComplete, true);
    assert.equal(at(body, "schema.fields.0.name"), "name");
    assert.ok(Number(body.totalBytesProcessed) > 0);
  },
});
