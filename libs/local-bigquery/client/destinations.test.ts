import assert from "node:assert/strict";
import { at, fails, metadataOf, type Step, steps } from "./steps-test-kit.ts";

interface Into {
  table?: string;
  write?: string;
  create?: string;
}

/** Writes a query to a table of the step's dataset. Gives how many rows the job says it wrote. */
async function into(
  step: Step,
  query: string,
  { table = "out", write, create }: Into = {},
): Promise<unknown> {
  const metadata = await step.ran({
    query,
    destination: step.dataset.table(table),
    ...(write === undefined ? {} : { writeDisposition: write }),
    ...(create === undefined ? {} : { createDisposition: create }),
  });
  return at(metadata, "statistics.query.queryPlan.-1.recordsWritten");
}

steps("destinations and dispositions", {
  "a destination is made with the query's schema": async (step) => {
    assert.equal(await into(step, "SELECT 1 AS id, ['x'] AS tags"), "1");
    const metadata = await metadataOf(step.dataset.table("out").getMetadata());
    assert.deepEqual(at(metadata, "schema.fields"), [
      { name: "id", type: "INTEGER", mode: "NULLABLE" },
      { name: "tags", type: "STRING", mode: "REPEATED" },
    ]);
    assert.deepEqual(await step.rows("SELECT * FROM out"), [{ id: 1, tags: ["x"] }]);
  },
  "its rows are read through the job, page by page": async (step) => {
    const [job] = await step.client.createQueryJob({
      query: "SELECT x FROM UNNEST(GENERATE_ARRAY(1, 5)) AS x ORDER BY x",
      destination: step.dataset.table("out"),
    });
    await job.promise();
    const [rows, , page] = await job.getQueryResults({ maxResults: 2, autoPaginate: false });
    assert.equal(rows.length, 2);
    assert.equal(page?.totalRows, "5");
    assert.equal((await job.getQueryResults())[0].length, 5);
  },
  "a partitioned and clustered destination": async (step) => {
    await step.ran({
      query: "SELECT DATE '2026-01-01' AS day, 'a' AS k",
      destination: step.dataset.table("out"),
      timePartitioning: { type: "DAY", field: "day" },
      clustering: { fields: ["k"] },
    });
    const metadata = await metadataOf(step.dataset.table("out").getMetadata());
    assert.deepEqual(metadata.timePartitioning, { type: "DAY", field: "day" });
    assert.deepEqual(metadata.clustering, { fields: ["k"] });
  },
  "WRITE_EMPTY, the usual one, refuses a table with rows": async (step) => {
    await into(step, "SELECT 1 AS id");
    const message = /^Already Exists: Table gac-prod-471220:step_\d+\.out$/;
    await fails(into(step, "SELECT 2 AS id"), "duplicate", message);
    await fails(into(step, "SELECT 2 AS id", { write: "WRITE_EMPTY" }), "duplicate", message);
    assert.deepEqual(await step.rows("SELECT id FROM out"), [{ id: 1 }]);
  },
  "WRITE_EMPTY fills a table without rows": async (step) => {
    await step.dataset.createTable("out", { schema: "id:integer" });
    await into(step, "SELECT 1 AS id");
    assert.deepEqual(await step.rows("SELECT id FROM out"), [{ id: 1 }]);
  },
  "WRITE_APPEND adds rows, columns by name": async (step) => {
    await into(step, "SELECT 1 AS id, 'a' AS name");
    assert.equal(await into(step, "SELECT 'b' AS name, 2 AS id", { write: "WRITE_APPEND" }), "1");
    assert.equal(await into(step, "SELECT 3 AS id", { write: "WRITE_APPEND" }), "1");
    assert.deepEqual(await step.rows("SELECT id, name FROM out ORDER BY id"), [
      { id: 1, name: "a" },
      { id: 2, name: "b" },
      { id: 3, name: null },
    ]);
  },
  "WRITE_APPEND adds no column and changes no type": async (step) => {
    await into(step, "SELECT 1 AS id");
    const append = { write: "WRITE_APPEND" };
    await fails(into(step, "SELECT 1 AS other", append), "invalid", /Cannot add fields \(field: other\)/);
    await fails(
      into(step, "SELECT 'x' AS id", append),
      "invalid",
      /id has changed type from INTEGER to STRING/,
    );
    assert.deepEqual(await step.rows("SELECT * FROM out"), [{ id: 1 }]);
  },
  "WRITE_TRUNCATE replaces rows and schema; the table stays itself": async (step) => {
    await step.dataset.createTable("out", { schema: "id:integer", labels: { a: "1" } });
    const before = await metadataOf(step.dataset.table("out").getMetadata());
    await into(step, "SELECT 1 AS id", { write: "WRITE_TRUNCATE" });
    await into(step, "SELECT 'x' AS other", { write: "WRITE_TRUNCATE" });
    assert.deepEqual(await step.rows("SELECT * FROM out"), [{ other: "x" }]);
    const { creationTime, labels } = await metadataOf(step.dataset.table("out").getMetadata());
    assert.deepEqual({ creationTime, labels }, { creationTime: before.creationTime, labels: { a: "1" } });
  },
  "WRITE_TRUNCATE may read what it replaces": async (step) => {
    await into(step, "SELECT x AS id FROM UNNEST([1, 2, 9]) AS x");
    const query = `SELECT id + 1 AS id FROM ${step.id}.out WHERE id > 1`;
    assert.equal(await into(step, query, { write: "WRITE_TRUNCATE" }), "2");
    assert.deepEqual(await step.rows("SELECT id FROM out ORDER BY id"), [{ id: 3 }, { id: 10 }]);
  },
  "a query that fails leaves the table as it was": async (step) => {
    await into(step, "SELECT 1 AS id");
    const failing = into(step, "SELECT 1 / x AS id FROM UNNEST([1, 0]) AS x", { write: "WRITE_TRUNCATE" });
    await fails(failing, "invalidQuery", /division by zero/);
    assert.deepEqual(await step.rows("SELECT * FROM out"), [{ id: 1 }]);
  },
  "CREATE_NEVER needs the table": async (step) => {
    const never = { create: "CREATE_NEVER" };
    await fails(
      into(step, "SELECT 1 AS id", never),
      "notFound",
      /^Not found: Table gac-prod-471220:step_\d+\.out/,
    );
    await step.dataset.createTable("out", { schema: "id:integer" });
    assert.equal(await into(step, "SELECT 1 AS id", never), "1");
  },
  "a dataset that is not there is 404": ({ client }) => {
    const destination = client.dataset("nowhere").table("out");
    const job = client
      .createQueryJob({ query: "SELECT 1 AS a", destination })
      .then(([made]) => made.promise());
    return fails(job, "notFound", /^Not found: Dataset/);
  },
  "DML with a destination is 400": async (step) => {
    await step.dataset.createTable("t", { schema: "id:integer" });
    await fails(into(step, "INSERT INTO t VALUES (1)"), "invalidQuery", /Cannot set destination table/);
  },
  "a disposition that is none is 400": (step) =>
    fails(into(step, "SELECT 1 AS a", { write: "WRITE_OVER" }), "invalid", /writeDisposition: WRITE_OVER/),
});

/** A table of three days, partitioned by them. */
async function withDays({ rows }: Step): Promise<void> {
  await rows("CREATE TABLE p (day DATE, v INT64) PARTITION BY day");
  await rows("INSERT INTO p VALUES ('2026-01-01', 1), ('2026-01-02', 2), ('2026-01-03', 3)");
}

const DAYS = "SELECT CAST(day AS STRING) AS day, v FROM p ORDER BY day, v";

steps("partition decorators", {
  "WRITE_TRUNCATE replaces that partition alone": async (step) => {
    await withDays(step);
    const query = "SELECT DATE '2026-01-02' AS day, 20 + v AS v FROM p WHERE v < 3";
    assert.equal(await into(step, query, { table: "p$20260102", write: "WRITE_TRUNCATE" }), "2");
    assert.deepEqual(await step.rows(DAYS), [
      { day: "2026-01-01", v: 1 },
      { day: "2026-01-02", v: 21 },
      { day: "2026-01-02", v: 22 },
      { day: "2026-01-03", v: 3 },
    ]);
  },
  "WRITE_APPEND adds to it": async (step) => {
    await withDays(step);
    await into(step, "SELECT DATE '2026-01-03' AS day, 4 AS v", {
      table: "p$20260103",
      write: "WRITE_APPEND",
    });
    assert.equal((await step.rows(DAYS)).length, 4);
  },
  "WRITE_EMPTY fills an empty one and refuses one with rows": async (step) => {
    await withDays(step);
    const into4 = { table: "p$20260104", write: "WRITE_EMPTY" };
    assert.equal(await into(step, "SELECT DATE '2026-01-04' AS day, 4 AS v", into4), "1");
    await fails(into(step, "SELECT DATE '2026-01-04' AS day, 4 AS v", into4), "duplicate", /p\$20260104/);
  },
  "rows of another partition are refused": async (step) => {
    await withDays(step);
    const wrong = into(step, "SELECT DATE '2026-01-05' AS day, 1 AS v", {
      table: "p$20260101",
      write: "WRITE_TRUNCATE",
    });
    const message = /^Some rows belong to different partitions rather than destination partition 20260101$/;
    await fails(wrong, "invalid", message);
    assert.equal((await step.rows(DAYS)).length, 3);
  },
  "months and hours": async (step) => {
    await step.rows("CREATE TABLE m (day DATE, v INT64) PARTITION BY DATE_TRUNC(day, MONTH)");
    await into(step, "SELECT DATE '2026-02-11' AS day, 1 AS v", {
      table: "m$202602",
      write: "WRITE_TRUNCATE",
    });
    await step.rows("CREATE TABLE h (ts TIMESTAMP, v INT64) PARTITION BY TIMESTAMP_TRUNC(ts, HOUR)");
    const hour = "SELECT TIMESTAMP '2026-02-11 05:59:59' AS ts, 1 AS v";
    await into(step, hour, { table: "h$2026021105", write: "WRITE_TRUNCATE" });
    const other = into(step, hour, { table: "h$2026021106", write: "WRITE_TRUNCATE" });
    await fails(other, "invalid", /different partitions/);
    assert.deepEqual(await step.rows("SELECT (SELECT COUNT(*) FROM m) AS m, (SELECT COUNT(*) FROM h) AS h"), [
      { m: 1, h: 1 },
    ]);
  },
  "a partition that is none, or of a table without any, is 400": async (step) => {
    await withDays(step);
    const query = "SELECT DATE '2026-01-01' AS day, 1 AS v";
    await fails(into(step, query, { table: "p$2026", write: "WRITE_APPEND" }), "invalid", /partition 2026/);
    await step.rows("CREATE TABLE flat (day DATE, v INT64)");
    const flat = into(step, query, { table: "flat$20260101", write: "WRITE_APPEND" });
    await fails(flat, "invalid", /not partitioned/);
  },
});
