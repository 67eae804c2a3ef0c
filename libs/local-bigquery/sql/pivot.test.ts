import assert from "node:assert/strict";
import { test } from "node:test";
import { refuses, startKit } from "../test-kit.ts";

const SALES = `(SELECT * FROM UNNEST([
  STRUCT('kale' AS product, 'Q1' AS quarter, 51 AS sales), ('kale', 'Q2', 23), ('apple', 'Q1', 77), ('apple', 'Q1', 3)]))`;

test("PIVOT gives a column for each value, a row for each of the other columns", async (t) => {
  const kit = await startKit(t);
  assert.deepEqual(
    await kit.rows(`SELECT * FROM ${SALES} PIVOT(SUM(sales) FOR quarter IN ('Q1', 'Q2')) ORDER BY product`),
    [
      { product: "apple", Q1: 80, Q2: null },
      { product: "kale", Q1: 51, Q2: 23 },
    ],
  );
  assert.deepEqual(
    await kit.rows(
      `SELECT p.* FROM ${SALES} PIVOT(SUM(sales) AS total, COUNT(*) AS n FOR quarter IN ('Q1' AS one, 'Q2')) AS p ORDER BY product`,
    ),
    [
      { product: "apple", total_one: 80, n_one: 2, total_Q2: null, n_Q2: 0 },
      { product: "kale", total_one: 51, n_one: 1, total_Q2: 23, n_Q2: 1 },
    ],
  );
});

test("UNPIVOT gives a row for each column that is not NULL", async (t) => {
  const kit = await startKit(t);
  const wide = "(SELECT 'kale' AS product, 51 AS Q1, CAST(NULL AS INT64) AS Q2, 7 AS Q3)";
  assert.deepEqual(
    await kit.rows(
      `SELECT * FROM ${wide} UNPIVOT(sales FOR quarter IN (Q1, Q2, Q3 AS 'third')) ORDER BY sales`,
    ),
    [
      { product: "kale", sales: 7, quarter: "third" },
      { product: "kale", sales: 51, quarter: "Q1" },
    ],
  );
});

test("what PIVOT cannot do is refused", async (t) => {
  const kit = await startKit(t);
  const pivot = (inner: string): string => `SELECT * FROM ${SALES} PIVOT(${inner})`;
  await refuses(
    kit,
    pivot("SUM(sales), COUNT(*) FOR quarter IN ('Q1')"),
    400,
    "invalidQuery",
    /must have an alias/,
  );
  await refuses(
    kit,
    pivot("SUM(sales) FOR quarter IN ('2024 Q1')"),
    501,
    "notImplemented",
    /without an alias/,
  );
  await refuses(
    kit,
    pivot("SUM(none) FOR quarter IN ('Q1')"),
    400,
    "invalidQuery",
    /Unrecognized name: none/,
  );
});
