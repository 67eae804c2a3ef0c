import assert from "node:assert/strict";
import { test } from "node:test";
import { type Kit, refuses, startKit } from "./test-kit.ts";

/** The rows of a call of a function with this head and body. */
function called(kit: Kit, head: string, body: string, call: string): Promise<unknown[]> {
  return kit.rows(`CREATE TEMP FUNCTION f${head} LANGUAGE js AS r'''${body}'''; SELECT ${call} AS v`);
}

test("values go into JavaScript and come back", async (t) => {
  const kit = await startKit(t);
  const cases: [head: string, body: string, call: string, value: unknown][] = [
    ["(s STRING) RETURNS STRING", "return s === null ? 'none' : s.toUpperCase() + '!';", "f('é\"')", 'É"!'],
    ["(s STRING) RETURNS STRING", "return s === null ? 'none' : s;", "f(NULL)", "none"],
    ["(x FLOAT64) RETURNS FLOAT64", "return Math.sqrt(x);", "f(16)", 4],
    ["(x FLOAT64) RETURNS FLOAT64", "return x / 0;", "f(-1) < -1e308", true],
    ["(x FLOAT64) RETURNS INT64", "return x * 2 ** 53;", "f(2)", 18014398509481984],
    ["(x INT64) RETURNS INT64", "return x > 0 ? x : null;", "f(5)", 5],
    ["(b BOOL) RETURNS BOOL", "return !b;", "f(FALSE)", true],
    ["(n NUMERIC) RETURNS STRING", "return typeof n + n;", "f(NUMERIC '1.5')", "string1.5"],
    ["(n NUMERIC) RETURNS STRING", "return typeof n + n;", "f(3)", "number3"],
    ["(b BYTES) RETURNS BYTES", "return b;", "TO_HEX(f(b'\\x00\\xff'))", "00ff"],
    ["(d DATE) RETURNS STRING", "return d.toISOString();", "f('2024-02-29')", "2024-02-29T00:00:00.000Z"],
    ["(j JSON) RETURNS JSON", "j.b = [null, true]; return j;", "f(JSON '{\"a\":1}').b[1]", "true"],
    ["(a ARRAY<FLOAT64>) RETURNS FLOAT64", "return a.reduce((x, y) => x + y, 0);", "f([1, 2, 3.5])", 6.5],
    ["(s STRUCT<k STRING, v FLOAT64>) RETURNS STRING", "return s.k + s.v;", "f(STRUCT('a', 1.5))", "a1.5"],
    ["() RETURNS ARRAY<STRUCT<i INT64, s STRING>>", "return [{ i: 1 }, { i: 2, s: 'x' }];", "f()[1].s", "x"],
  ];
  for (const [head, body, call, value] of cases)
    assert.deepEqual(await called(kit, head, body, call), [{ v: value }], `${head} ${body}`);
});

test("JavaScript that fails, or means something else here, is refused", async (t) => {
  const kit = await startKit(t);
  const cases: [head: string, body: string, call: string, message: RegExp][] = [
    ["(x FLOAT64) RETURNS FLOAT64", "return x.y.z;", "f(1)", /^TypeError/],
    ["(x FLOAT64) RETURNS FLOAT64", "return x *;", "f(1)", /^SyntaxError/],
    [
      "(x FLOAT64) RETURNS INT64",
      "return x / 2;",
      "f(1)",
      /Failed to coerce output value 0\.5 to type INT64/,
    ],
    ["(x FLOAT64) RETURNS STRING", "return {};", "f(1)", /Failed to coerce output value \{\} to type STRING/],
    ["(x INT64) RETURNS STRING", "return '' + (x + 1);", "f(1)", /different results for an INT64/],
    ["() RETURNS BOOL", "while (true);", "f()", /longer than 2 seconds/],
    ["() RETURNS BOOL", "for (const a = []; ; ) a.push(new Uint8Array(2 ** 23));", "f()", /memory/],
    ["(x FLOAT64) RETURNS BOOL", "return true;", "f('a')", /No matching signature/],
  ];
  for (const [head, body, call, message] of cases)
    await assert.rejects(called(kit, head, body, call), { code: 400, message }, body);
  await assert.rejects(called(kit, "(x FLOAT64) RETURNS STRING", "return x.toLocaleString();", "f(1)"), {
    code: 501,
  });
  assert.deepEqual(await called(kit, "(x FLOAT64) RETURNS FLOAT64", "return x.y.z;", "SAFE.f(1) IS NULL"), [
    { v: true },
  ]);
});

test("JavaScript reaches nothing of this process", async (t) => {
  const kit = await startKit(t);
  const body =
    "return [typeof process, typeof require, typeof fetch, this.constructor.constructor('return typeof process')()].join()";
  assert.deepEqual(await called(kit, "() RETURNS STRING", body, "f()"), [
    { v: "undefined,undefined,undefined,undefined" },
  ]);
  await assert.rejects(called(kit, "() RETURNS STRING", "return import('node:fs')", "f()"), { code: 501 });
});

test("a stored JavaScript function runs over a table's rows", async (t) => {
  const kit = await startKit(t);
  await kit.client.createDataset("d");
  await kit.rows(
    "CREATE FUNCTION d.twice(x FLOAT64) RETURNS FLOAT64 DETERMINISTIC LANGUAGE js AS 'return x * 2;'",
  );
  assert.deepEqual(await kit.rows("SELECT SUM(d.twice(n)) AS s FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS n"), [
    { s: 9003000 },
  ]);
  await refuses(
    kit,
    "CREATE FUNCTION d.p() RETURNS INT64 LANGUAGE python AS ''",
    501,
    "notImplemented",
    /python/,
  );
});
