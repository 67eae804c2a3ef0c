import { aggregate, anyType, condition, expression, windowed } from "./expression.ts";
import type { Dice } from "./random.ts";

/** What the statements are about; made anew now and then, since they change it. */
export const SETUP = [
  `CREATE OR REPLACE TABLE d.t (id INT64 NOT NULL, s STRING, f FLOAT64, n NUMERIC, b BOOL, d DATE, ts TIMESTAMP,
    dt DATETIME, ti TIME, by BYTES, j JSON, a ARRAY<INT64>, st STRUCT<x INT64, y STRING>,
    ar ARRAY<STRUCT<k STRING, v FLOAT64>>)`,
  `INSERT INTO d.t VALUES
    (1, 'a', 1.5, NUMERIC '1.1', TRUE, '2024-01-01', '2024-01-01', '2024-01-01 00:00:00', '01:02:03', b'x',
      JSON '{"a": 1}', [1, 2], STRUCT(1, 'y'), [STRUCT('k', 1.0)]),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
  "CREATE OR REPLACE TABLE d.u (id INT64, s STRING, v FLOAT64, day DATE) PARTITION BY day",
  "INSERT INTO d.u VALUES (1, 'a', 2.5, '2024-02-29'), (3, 'c', NULL, NULL)",
  "CREATE OR REPLACE VIEW d.w AS SELECT id, COUNT(*) AS n FROM d.u GROUP BY id",
];

const COLUMNS: Record<string, string> = {
  ...{
    s: "STRING",
    f: "FLOAT64",
    n: "NUMERIC",
    b: "BOOL",
    d: "DATE",
    ts: "TIMESTAMP",
    dt: "DATETIME",
    ti: "TIME",
  },
  ...{ by: "BYTES", j: "JSON", a: "ARRAY<INT64>", id: "INT64", "st.x": "INT64", none: "STRING" },
};

const JOINS = [
  ...[
    "JOIN d.u AS o ON o.id = t.id",
    "LEFT JOIN d.u AS o ON o.id = t.id AND o.v > 1",
    "CROSS JOIN UNNEST(a) AS e",
  ],
  ...[", UNNEST(ar) AS i", "FULL JOIN d.w AS o ON o.id = t.id", "LEFT JOIN UNNEST(a) AS e WITH OFFSET AS p"],
];

function select(dice: Dice, depth: number): string {
  const e = (): string => expression(dice, anyType(dice), depth);
  return dice.pick([
    () => `SELECT ${dice.list(1, 3, e).join(", ")} FROM d.t AS t`,
    () => `SELECT ${e()} AS x, id FROM d.t AS t WHERE ${condition(dice, depth)} ORDER BY id DESC LIMIT 1`,
    () => `SELECT t.id, ${e()} AS x FROM d.t AS t ${dice.pick(JOINS)} WHERE ${condition(dice, 1)}`,
    () => `SELECT s, ${dice.list(1, 2, () => aggregate(dice, depth)).join(", ")} FROM d.t AS t GROUP BY s`,
    () =>
      `SELECT ${e()} AS x, COUNT(*) AS id FROM d.t AS t GROUP BY ${dice.pick(["1", "x", "ALL", "ROLLUP(x)"])} ORDER BY 2`,
    () => `SELECT id, ${windowed(dice, 1)} AS x FROM d.t AS t`,
    () => `SELECT id, ${e()} AS x FROM d.t AS t QUALIFY ${windowed(dice, 0)} IS NOT NULL`,
    () => `SELECT DISTINCT ${e()} AS x, id FROM d.t AS t`,
    () => `SELECT * EXCEPT (s) REPLACE (${e()} AS id), ${e()} AS x FROM d.t AS t`,
    () => `SELECT AS STRUCT ${e()} AS x, id FROM d.t AS t`,
    () =>
      `SELECT x, x AS id FROM UNNEST([${dice.list(1, 3, () => expression(dice, "INT64", 0)).join(", ")}]) AS x`,
  ])();
}

/** A random statement or script. */
export function statement(dice: Dice): string {
  const e = (type: string, depth = 2): string => expression(dice, type, depth);
  const [column = "s", type = "STRING"] = dice.pick(Object.entries(COLUMNS));
  const other = anyType(dice);
  const kinds: [weight: number, make: () => string][] = [
    [50, () => select(dice, 2 + dice.below(2))],
    [3, () => `WITH c AS (${select(dice, 1)}) SELECT * FROM c ${dice.pick(["", "JOIN d.u USING (id)"])}`],
    [
      3,
      () =>
        `SELECT ${e(other)} FROM d.t AS t ${dice.pick(["UNION ALL", "UNION DISTINCT", "EXCEPT DISTINCT"])} SELECT ${e(other)} FROM d.t AS t`,
    ],
    [
      2,
      () =>
        `SELECT * FROM (SELECT id, s, f FROM d.t) PIVOT(${dice.pick(["SUM", "MAX"])}(f) FOR s IN (${e("STRING", 0)}, 'a' AS b))`,
    ],
    [5, () => `UPDATE d.t AS t SET ${column} = ${e(type)} WHERE ${condition(dice, 1)}`],
    [2, () => `DELETE FROM d.t AS t WHERE ${condition(dice, 1)} AND id > 1`],
    [4, () => `INSERT INTO d.u (id, s, v) VALUES (${e("INT64", 0)}, 'v', 1.5)`],
    [
      3,
      () => `INSERT INTO d.u (id, s, v) SELECT ${e("INT64")}, ${e("STRING")}, ${e("FLOAT64")} FROM d.t AS t`,
    ],
    [
      4,
      () =>
        `MERGE d.t AS t USING (SELECT id AS i, ${e("STRING", 1)} AS z FROM d.t AS t) AS x ON t.id = x.i WHEN MATCHED AND ${condition(dice, 1)} THEN UPDATE SET ${column} = ${e(type, 1)} WHEN NOT MATCHED THEN INSERT (id, s) VALUES (x.i, x.z) WHEN NOT MATCHED BY SOURCE THEN DELETE`,
    ],
    [
      3,
      () =>
        `CREATE OR REPLACE TABLE d.v ${dice.pick(["", "CLUSTER BY id"])} AS SELECT ${e(other)} AS x, 1 AS id FROM d.t AS t`,
    ],
    [2, () => `CREATE OR REPLACE VIEW d.x AS SELECT ${e(other)} AS x FROM d.t AS t; SELECT * FROM d.x`],
    [1, () => `ALTER TABLE d.u ADD COLUMN IF NOT EXISTS c${dice.below(5)} ${anyType(dice)}`],
    [
      1,
      () => dice.pick(["TRUNCATE TABLE d.u", "DROP TABLE d.u", "DROP VIEW IF EXISTS d.x", "DROP TABLE d.w"]),
    ],
    [3, () => `DECLARE v ${other} DEFAULT (SELECT ${e(other)} FROM d.t AS t LIMIT 1); SELECT v`],
    [2, () => `BEGIN ${select(dice, 1)}; EXCEPTION WHEN ERROR THEN SELECT 'caught'; END`],
    [1, () => `FOR r IN (SELECT id, ${e("STRING", 1)} AS x FROM d.t AS t) DO SELECT r.x, r.id; END FOR`],
    [
      2,
      () =>
        `CREATE TEMP FUNCTION g(s ${other}, id INT64) AS (${e("INT64")}); SELECT g(${e(other, 1)}, 1) FROM d.t AS t`,
    ],
    [1, () => `EXECUTE IMMEDIATE 'SELECT ?' USING ${e("STRING", 0)}`],
    [1, () => `LOOP SELECT ${e("INT64", 0)}; BREAK; END LOOP`],
  ];
  const all = kinds.flatMap(([weight, make]) => Array.from({ length: weight }, () => make));
  return dice.pick(all)();
}
