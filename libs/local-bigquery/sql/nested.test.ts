import assert from "node:assert/strict";
import { test } from "node:test";
import { startKit } from "../test-kit.ts";

/** An expression that holds itself, so many times over. */
function nested(start: string, times: number, around: (inner: string) => string): string {
  return Array.from({ length: times }).reduce<string>((inner) => around(inner), start);
}

const QUERIES: [what: string, query: string, rows: unknown[]][] = [
  [
    "FLOAT64 arithmetic",
    `SELECT ${nested("x", 12, (e) => `(${e} + x * 1.0)`)} AS v FROM UNNEST([0.5, 2.0]) AS x ORDER BY v`,
    [{ v: 6.5 }, { v: 26 }],
  ],
  [
    "division",
    `SELECT ${nested("x", 12, (e) => `(${e} / y)`)} AS v FROM (SELECT 8.0 AS x, 1.0 AS y)`,
    [{ v: 8 }],
  ],
  [
    "in GROUP BY, HAVING, QUALIFY and ORDER BY",
    `SELECT ${nested("x", 12, (e) => `(${e} * 1.0)`)} AS k, SUM(${nested("x", 12, (e) => `(${e} + 0.0)`)}) * 1.0 / COUNT(*) + 0.0 AS s
     FROM UNNEST([1.0, 1.0, 2.0]) AS x GROUP BY k HAVING ${nested("SUM(x)", 12, (e) => `(${e} * 1.0)`)} >= 2.0
     QUALIFY ROW_NUMBER() OVER (ORDER BY ${nested("SUM(x)", 12, (e) => `(${e} * 1.0)`)}) > 0
     ORDER BY ${nested("k", 12, (e) => `(${e} * -1.0)`)} DESC`,
    [
      { k: 2, s: 2 },
      { k: 1, s: 1 },
    ],
  ],
  [
    "in a correlated subquery and an array",
    `SELECT ARRAY(SELECT ${nested("y", 12, (e) => `(${e} * x)`)} FROM UNNEST([1.0]) AS y) AS a FROM UNNEST([1.0, -1.0]) AS x ORDER BY x`,
    [{ a: [1] }, { a: [1] }],
  ],
];

for (const [what, query, rows] of QUERIES) {
  test(`deeply nested: ${what}`, { timeout: 60_000 }, async (t) => {
    const kit = await startKit(t);
    assert.deepEqual(await kit.rows(query), rows);
  });
}

test("deeply nested: an overflow is still told", async (t) => {
  const kit = await startKit(t);
  const query = `SELECT ${nested("x", 12, (e) => `(${e} * 1e300)`)} AS v FROM (SELECT 1.0 AS x)`;
  await assert.rejects(kit.client.query(query), { code: 400, message: /double overflow/ });
});
