import assert from "node:assert/strict";
import { at, fails, steps } from "./steps-test-kit.ts";

steps("INFORMATION_SCHEMA", {
  "SCHEMATA lists the project's datasets": async ({ rows, id }) => {
    const query = `SELECT catalog_name, schema_name, location FROM INFORMATION_SCHEMA.SCHEMATA WHERE schema_name = '${id}'`;
    const expected = [{ catalog_name: "gac-prod-471220", schema_name: id, location: "US" }];
    assert.deepEqual(await rows({ query, defaultDataset: undefined }), expected);
    const region = query.replace("INFORMATION_SCHEMA", "`region-us`.INFORMATION_SCHEMA");
    assert.deepEqual(await rows({ query: region, defaultDataset: undefined }), expected);
  },
  "TABLES lists tables and views with their kinds": async ({ rows, id }) => {
    await rows("CREATE TABLE t (a INT64)");
    await rows("CREATE VIEW v AS SELECT 1 AS a");
    const query = `SELECT table_name, table_type, is_insertable_into FROM ${id}.INFORMATION_SCHEMA.TABLES ORDER BY table_name`;
    assert.deepEqual(await rows(query), [
      { table_name: "t", table_type: "BASE TABLE", is_insertable_into: "YES" },
      { table_name: "v", table_type: "VIEW", is_insertable_into: "NO" },
    ]);
  },
  "COLUMNS tells types, order, nullability and layout": async ({ rows, id }) => {
    await rows(
      "CREATE TABLE t (a INT64 NOT NULL, day DATE, s STRUCT<x STRING, y ARRAY<INT64>>) PARTITION BY day CLUSTER BY a",
    );
    const query = `SELECT column_name AS n, ordinal_position AS o, is_nullable AS nullable, data_type AS type,
      is_partitioning_column AS p, clustering_ordinal_position AS c
      FROM ${id}.INFORMATION_SCHEMA.COLUMNS WHERE table_name = 't' ORDER BY o`;
    assert.deepEqual(await rows(query), [
      { n: "a", o: 1, nullable: "NO", type: "INT64", p: "NO", c: 1 },
      { n: "day", o: 2, nullable: "YES", type: "DATE", p: "YES", c: null },
      { n: "s", o: 3, nullable: "YES", type: "STRUCT<x STRING, y ARRAY<INT64>>", p: "NO", c: null },
    ]);
  },
  "a column added is there at once": async ({ rows, id }) => {
    await rows("CREATE TABLE t (a INT64)");
    await rows("ALTER TABLE t ADD COLUMN b STRING");
    const query = `SELECT column_name FROM ${id}.INFORMATION_SCHEMA.COLUMNS ORDER BY ordinal_position`;
    assert.deepEqual(await rows(query), [{ column_name: "a" }, { column_name: "b" }]);
  },
  "TABLE_OPTIONS tells description and labels": async ({ rows, id }) => {
    await rows("CREATE TABLE t (a INT64) OPTIONS (description = 'x', labels = [('k', 'v')])");
    const query = `SELECT option_name, option_value FROM ${id}.INFORMATION_SCHEMA.TABLE_OPTIONS ORDER BY option_name`;
    assert.deepEqual(await rows(query), [
      { option_name: "description", option_value: '"x"' },
      { option_name: "labels", option_value: '[STRUCT("k", "v")]' },
    ]);
  },
  "VIEWS tells the query": async ({ rows, id }) => {
    await rows("CREATE VIEW v AS SELECT 1 AS a");
    const query = `SELECT view_definition FROM ${id}.INFORMATION_SCHEMA.VIEWS`;
    assert.deepEqual(await rows(query), [{ view_definition: "SELECT 1 AS a" }]);
  },
  "PARTITIONS counts the rows of each": async ({ rows, id }) => {
    await rows("CREATE TABLE t (day DATE, v INT64) PARTITION BY day");
    await rows("INSERT INTO t VALUES ('2026-01-01', 1), ('2026-01-01', 2), ('2026-01-02', 3)");
    const query = `SELECT partition_id, total_rows FROM ${id}.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 't' ORDER BY partition_id`;
    assert.deepEqual(await rows(query), [
      { partition_id: "20260101", total_rows: 2 },
      { partition_id: "20260102", total_rows: 1 },
    ]);
  },
  "JOBS_BY_PROJECT tells of the jobs that ran": async (step) => {
    const jobId = `${step.id}_seen`;
    await step.ran({ query: "SELECT 1", jobId, labels: { tenant: "a" } });
    const query = `SELECT job_id, job_type, statement_type, state, error_result IS NULL AS fine,
      creation_time <= end_time AS ordered, (SELECT value FROM UNNEST(labels) WHERE key = 'tenant') AS tenant
      FROM \`region-us\`.INFORMATION_SCHEMA.JOBS_BY_PROJECT WHERE job_id = '${jobId}'`;
    assert.deepEqual(await step.rows(query), [
      {
        job_id: jobId,
        job_type: "QUERY",
        statement_type: "SELECT",
        state: "DONE",
        fine: true,
        ordered: true,
        tenant: "a",
      },
    ]);
  },
  "JOBS tells tables, destinations, counts and errors": async (step) => {
    await step.rows("CREATE TABLE t (a INT64)");
    const [dml, into, bad] = ["dml", "into", "bad"].map((name) => `${step.id}_${name}`);
    await step.ran({ query: "INSERT INTO t VALUES (1), (2)", jobId: dml });
    await step.ran({ query: "SELECT a FROM t", destination: step.dataset.table("out"), jobId: into });
    await assert.rejects(step.ran({ query: "SELECT 1 / 0", jobId: bad }));
    const query = `SELECT * FROM INFORMATION_SCHEMA.JOBS WHERE STARTS_WITH(job_id, '${step.id}_') ORDER BY creation_time`;
    const found = await step.rows({ query, defaultDataset: undefined });
    const of = (jobId: string | undefined, path: string): unknown =>
      at(
        found.find((row) => at(row, "job_id") === jobId),
        path,
      );
    assert.deepEqual(of(dml, "dml_statistics"), {
      inserted_row_count: 2,
      deleted_row_count: 0,
      updated_row_count: 0,
    });
    assert.equal(of(into, "destination_table.table_id"), "out");
    assert.equal(of(into, "referenced_tables.0.table_id"), "t");
    assert.equal(of(bad, "error_result.reason"), "invalidQuery");
    assert.equal(of(dml, "error_result"), null);
  },
  "a dataset that is not there is 404": ({ rows }) =>
    fails(
      rows("SELECT * FROM nowhere.INFORMATION_SCHEMA.TABLES"),
      "notFound",
      /Dataset .*:nowhere was not found/,
    ),
  "refused by choice: its other views": ({ rows, id }) =>
    fails(
      rows(`SELECT * FROM ${id}.INFORMATION_SCHEMA.TABLE_STORAGE`),
      "notImplemented",
      /INFORMATION_SCHEMA.TABLE_STORAGE/,
    ),
});
