import assert from "node:assert/strict";
import type { InsertRowsOptions, RowMetadata } from "@google-cloud/bigquery";
import { at, fails, type Step, steps } from "./steps-test-kit.ts";

const SCHEMA = {
  fields: [
    { name: "id", type: "INTEGER", mode: "REQUIRED" },
    { name: "name", type: "STRING" },
    { name: "tags", type: "STRING", mode: "REPEATED" },
  ],
};

const insert = ({ dataset }: Step, rows: RowMetadata, options: InsertRowsOptions = {}): Promise<unknown> =>
  dataset.table("t").insert(rows, { partialRetries: 0, ...options });

const withTable = ({ dataset }: Step): Promise<unknown> => dataset.createTable("t", { schema: SCHEMA });

const IDS = "SELECT id FROM t ORDER BY id";

/** The errors of a request of which some rows were refused: index and messages, in order. */
async function errorsOf(inserted: Promise<unknown>): Promise<unknown[]> {
  try {
    await inserted;
  } catch (error) {
    const errors = at(error, "response.insertErrors");
    assert.ok(Array.isArray(errors), String(error));
    return errors.map((entry) => [
      at(entry, "index"),
      at(entry, "errors.0.reason"),
      at(entry, "errors.0.message"),
    ]);
  }
  assert.fail("it was taken");
}

steps("streaming inserts", {
  "rows are there at once": async (step) => {
    await withTable(step);
    await insert(step, [{ id: 1, name: "a", tags: ["x", "y"] }, { id: 2 }]);
    assert.deepEqual(await step.rows("SELECT * FROM t ORDER BY id"), [
      { id: 1, name: "a", tags: ["x", "y"] },
      { id: 2, name: null, tags: [] },
    ]);
  },
  "one insertId, sent again, is one row": async (step) => {
    await withTable(step);
    const row = [{ insertId: "one", json: { id: 1 } }];
    await insert(step, row, { raw: true });
    await insert(step, row, { raw: true });
    await insert(step, [...row, { insertId: "two", json: { id: 2 } }], { raw: true });
    assert.deepEqual(await step.rows(IDS), [{ id: 1 }, { id: 2 }]);
  },
  "one insertId twice in a request is one row": async (step) => {
    await withTable(step);
    const row = { insertId: "one", json: { id: 1 } };
    await insert(step, [row, row], { raw: true });
    assert.deepEqual(await step.rows(IDS), [{ id: 1 }]);
  },
  "without an insertId rows are never taken for one": async (step) => {
    await withTable(step);
    for (let i = 0; i < 2; i++) await insert(step, [{ id: 1 }], { createInsertId: false });
    assert.deepEqual(await step.rows(IDS), [{ id: 1 }, { id: 1 }]);
  },
  "insertIds of a table made again are new": async (step) => {
    const row = [{ insertId: "one", json: { id: 1 } }];
    for (let i = 0; i < 2; i++) {
      await withTable(step);
      await insert(step, row, { raw: true });
      assert.deepEqual(await step.rows(IDS), [{ id: 1 }]);
      await step.dataset.table("t").delete();
    }
  },
  "bad rows are told one by one, and stop the others": async (step) => {
    await withTable(step);
    const errors = await errorsOf(
      insert(step, [{ id: 2 }, { name: "no id" }, { id: 3, nope: 1 }, { id: "x" }]),
    );
    assert.deepEqual(errors, [
      [0, "stopped", ""],
      [1, "invalid", "Missing required field: id."],
      [2, "invalid", "no such field: nope."],
      [3, "invalid", "Cannot convert value to integer (bad value): x"],
    ]);
    assert.deepEqual(await step.rows(IDS), []);
  },
  "skipInvalidRows takes the good ones": async (step) => {
    await withTable(step);
    const errors = await errorsOf(insert(step, [{ id: 2 }, { name: "no id" }], { skipInvalidRows: true }));
    assert.deepEqual(errors, [[1, "invalid", "Missing required field: id."]]);
    assert.deepEqual(await step.rows(IDS), [{ id: 2 }]);
  },
  "ignoreUnknownValues leaves unknown fields out": async (step) => {
    await withTable(step);
    await insert(step, [{ id: 3, nope: 1 }], { ignoreUnknownValues: true });
    assert.deepEqual(await step.rows(IDS), [{ id: 3 }]);
  },
  "an added column is taken at once": async (step) => {
    await withTable(step);
    await insert(step, [{ id: 1 }]);
    await step.rows("ALTER TABLE t ADD COLUMN extra FLOAT64");
    await insert(step, [{ id: 2, extra: 1.5 }]);
    assert.deepEqual(await step.rows("SELECT id, extra FROM t ORDER BY id"), [
      { id: 1, extra: null },
      { id: 2, extra: 1.5 },
    ]);
  },
  "values of every type": async (step) => {
    await step.dataset.createTable("t", {
      schema:
        "i:integer,f:float,b:boolean,s:string,by:bytes,n:numeric,d:date,dt:datetime,ti:time,ts:timestamp,j:json",
    });
    const row = {
      ...{ i: "9007199254740993", f: 0.5, b: true, s: "é", by: "AP8=", n: "0.1", d: "2024-02-29" },
      ...{ dt: "2024-02-29T01:02:03", ti: "01:02:03", ts: "2024-02-29 01:02:03.5 UTC", j: '{"b":1,"a":2}' },
    };
    await insert(step, [row]);
    const shown = ["i", "f", "b", "s", "n", "d", "dt", "ti", "ts"].map((c) => `CAST(${c} AS STRING) AS ${c}`);
    const [stored] = await step.rows(
      `SELECT ${shown.join(", ")}, TO_HEX(by) AS by, TO_JSON_STRING(j) AS j FROM t`,
    );
    assert.deepEqual(stored, {
      ...{ i: "9007199254740993", f: "0.5", b: "true", s: "é", n: "0.1", d: "2024-02-29" },
      ...{ dt: "2024-02-29 01:02:03", ti: "01:02:03", ts: "2024-02-29 01:02:03.500+00" },
      ...{ by: "00ff", j: '{"a":2,"b":1}' },
    });
  },
  "a request without rows is 400": async (step) => {
    await withTable(step);
    await assert.rejects(insert(step, []), /at least 1 row/);
  },
  "a table that is not there is 404; a view takes no rows": async (step) => {
    await fails(insert(step, [{ id: 1 }]), "notFound", /^Not found: Table gac-prod-471220:step_\d+\.t$/);
    await step.rows("CREATE VIEW t AS SELECT 1 AS id");
    await fails(insert(step, [{ id: 1 }]), "invalid", /VIEW/);
  },
  "refused by choice: templateSuffix": async (step) => {
    await withTable(step);
    await fails(insert(step, [{ id: 1 }], { templateSuffix: "_x" }), "notImplemented", /templateSuffix/);
  },
});
