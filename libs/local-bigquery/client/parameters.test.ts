import assert from "node:assert/strict";
import { BigQuery, type Query } from "@google-cloud/bigquery";
import { fails, type Step, send, steps } from "./steps-test-kit.ts";

/** What an expression over the typed parameter @p gives. */
async function shown(
  { rows }: Step,
  type: string | string[],
  value: unknown,
  expression = "@p",
): Promise<unknown> {
  const query: Query = { query: `SELECT ${expression} AS p`, params: { p: value }, types: { p: type } };
  const [row] = await rows({ ...query, wrapIntegers: true });
  assert.ok(typeof row === "object" && row !== null && "p" in row);
  return row.p;
}

const integer = (value: string): object => ({ type: "BigQueryInt", value });

/** A type, values that a client sends for it, and how they come back. */
const SCALARS: [type: string, sent: unknown, back: unknown][] = [
  ["STRING", 'it\'s \\ "x" é 🙂\n', 'it\'s \\ "x" é 🙂\n'],
  ["STRING", "", ""],
  ["INT64", "9223372036854775807", integer("9223372036854775807")],
  ["INT64", -3, integer("-3")],
  ["FLOAT64", 1.5, 1.5],
  ["FLOAT64", "1e300", 1e300],
  ["BOOL", false, false],
  ["NUMERIC", "12345678901234567890.123456789", "12345678901234567890.123456789"],
  [
    "TIMESTAMP",
    BigQuery.timestamp("2024-02-29T03:04:05.123456Z"),
    { value: "2024-02-29T03:04:05.123456000Z" },
  ],
  ["DATE", BigQuery.date("2024-02-29"), { value: "2024-02-29" }],
  ["DATETIME", BigQuery.datetime("2024-02-29T03:04:05"), { value: "2024-02-29T03:04:05" }],
  ["TIME", BigQuery.time("03:04:05"), { value: "03:04:05" }],
  ["BYTES", Buffer.from([0, 1, 255]).toString("base64"), { type: "Buffer", data: [0, 1, 255] }],
  ["JSON", '{"b": 1, "a": [null]}', '{"a":[null],"b":1}'],
];

const TYPES = [...new Set(SCALARS.map(([type]) => type))];

steps("typed parameters", {
  ...Object.fromEntries(
    SCALARS.map(([type, sent, back]) => [
      `${type} ${JSON.stringify(sent).slice(0, 30)} comes back as it is`,
      async (step: Step) => assert.deepEqual(await shown(step, type, sent), back),
    ]),
  ),
  "NULL of every type is null, and has that type": async (step) => {
    for (const type of TYPES) {
      assert.equal(await shown(step, type, null), null, type);
      const typed = `IFNULL(@p, CAST(NULL AS ${type})) IS NULL`;
      assert.equal(await shown(step, type, null, typed), true, type);
    }
  },
  "ARRAYs, and an empty one": async (step) => {
    assert.deepEqual(await shown(step, ["STRING"], ["x", "y"]), ["x", "y"]);
    assert.deepEqual(await shown(step, ["INT64"], []), []);
    assert.deepEqual(await shown(step, ["INT64"], [], "ARRAY_LENGTH(@p)"), integer("0"));
    const days = [BigQuery.date("2024-01-01"), BigQuery.date("2024-02-29")];
    assert.deepEqual(await shown(step, ["DATE"], days), [{ value: "2024-01-01" }, { value: "2024-02-29" }]);
  },
  "IN UNNEST of an ARRAY": async (step) => {
    await step.rows("CREATE TABLE t AS SELECT x FROM UNNEST(['a', 'b', 'c']) AS x");
    const query = "SELECT x FROM t WHERE x IN UNNEST(@p) ORDER BY x";
    const rows = await step.rows({ query, params: { p: ["a", "c", "z"] } });
    assert.deepEqual(rows, [{ x: "a" }, { x: "c" }]);
  },
  "a STRUCT, nested": async ({ rows }) => {
    const params = { p: { k: "v", inner: { n: 1, l: [1, 2] } } };
    const types = { p: { k: "STRING", inner: { n: "INT64", l: ["INT64"] } } };
    assert.deepEqual(await rows({ query: "SELECT @p.k AS k, @p.inner.l AS l, @p AS p", params, types }), [
      { k: "v", l: [1, 2], p: params.p },
    ]);
  },
  "an ARRAY of STRUCTs is a table to SELECT, MERGE and INSERT from": async (step) => {
    await step.rows("CREATE TABLE t (id INT64, name STRING)");
    const given = {
      params: {
        p: [
          { id: 1, name: "a" },
          { id: 2, name: null },
        ],
      },
    };
    const types = { p: [{ id: "INT64", name: "STRING" }] };
    await step.rows({ query: "INSERT INTO t SELECT id, name FROM UNNEST(@p)", ...given, types });
    const merge =
      "MERGE t USING (SELECT * FROM UNNEST(@p)) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = CONCAT(s.name, '!')";
    await step.rows({ query: merge, ...given, types });
    assert.deepEqual(await step.rows("SELECT id, name FROM t ORDER BY id"), [
      { id: 1, name: "a!" },
      { id: 2, name: null },
    ]);
  },
  "types are told from values where the client gives none": async ({ rows }) => {
    const params = { s: "x", i: 2, f: 2.5, b: true, d: BigQuery.date("2024-01-01") };
    const [row] = await rows({
      query: "SELECT CONCAT(@s, 'y') AS s, @i + 1 AS i, @f * 2 AS f, NOT @b AS b, EXTRACT(YEAR FROM @d) AS d",
      params,
    });
    assert.deepEqual(row, { s: "xy", i: 3, f: 5, b: false, d: 2024 });
  },
  "positional ones, in order": async ({ rows }) => {
    const query = { query: "SELECT ? + 1 AS a, ? AS b WHERE ? IN ('x')", params: [1, "y", "x"] };
    assert.deepEqual(await rows(query), [{ a: 2, b: "y" }]);
  },
  "one name used often has one value": async ({ rows }) => {
    const query = { query: "SELECT @p AS a, @p || @P AS b", params: { p: "x" } };
    assert.deepEqual(await rows(query), [{ a: "x", b: "xx" }]);
  },
  "a parameter is a value, never SQL": async (step) => {
    await step.rows("CREATE TABLE t AS SELECT 'a' AS k");
    const params = { p: "' OR '1'='1" };
    assert.deepEqual(await step.rows({ query: "SELECT k FROM t WHERE k = @p", params }), []);
    await assert.rejects(step.rows({ query: "SELECT * FROM @p", params: { p: "t" } }));
  },
  "a STRING becomes a DATE in a comparison, but no INT64": async (step) => {
    await step.rows("CREATE TABLE t AS SELECT DATE '2024-01-02' AS day, 1 AS v");
    const where = (condition: string, p = "2024-01-02"): Promise<unknown[]> =>
      step.rows({ query: `SELECT v FROM t WHERE ${condition}`, params: { p }, types: { p: "STRING" } });
    assert.deepEqual(await where("day = @p"), [{ v: 1 }]);
    await fails(where("v = @p"), "invalidQuery", /operator = for argument types: INT64, STRING/);
    await fails(where("day = @p", "x"), "invalidQuery", /Invalid date: 'x'/);
  },
  "one that is missing is 400": ({ rows }) =>
    fails(rows("SELECT @missing"), "invalidQuery", /^Query parameter 'missing' not found at \[1:8\]$/),
  "too few positional ones are 400": ({ rows }) =>
    fails(rows({ query: "SELECT ?, ?", params: [1] }), "invalidQuery", /parameter/i),
  "a value that is not of its type is 400": async (step) => {
    for (const [type, value] of [
      ["INT64", "x"],
      ["DATE", "2024-02-30"],
      ["BOOL", "maybe"],
      ["NUMERIC", "1e40"],
      ["TIMESTAMP", "yesterday"],
    ]) {
      const queryParameters = [{ name: "p", parameterType: { type }, parameterValue: { value } }];
      const body = { query: "SELECT @p", useLegacySql: false, parameterMode: "NAMED", queryParameters };
      assert.equal((await send(step, "POST", "queries", body)).status, 400, `${type} ${value}`);
    }
  },
  "a type that is none is 400 or refused by name": async (step) => {
    const parameter = { name: "p", parameterType: { type: "NOPE" }, parameterValue: { value: "1" } };
    const body = { query: "SELECT @p", useLegacySql: false, queryParameters: [parameter] };
    const { status } = await send(step, "POST", "queries", body);
    assert.ok(status === 400 || status === 501, String(status));
  },
});
