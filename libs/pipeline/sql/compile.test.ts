import assert from "node:assert/strict";
import { test } from "node:test";
import { goodTemplate, resolved, resolveFor, seededRandom } from "../testing.ts";
import type { JsonValue, Problem, ResolvedQuery } from "../types.ts";

const PARAMETERS = `parameters:
  day: { type: date, default: yesterday }
  at: { type: timestamp, default: now }
  region: { type: string }
  name: { type: string, default: n }
  count: { type: int, default: 3 }
  least: { type: float, default: 0.5 }
  flag: { type: bool, default: true }
`;
const VALUES = {
  day: "2025-11-15",
  at: "2025-11-15T10:00:00Z",
  region: "eu' OR '1'='1",
  name: "main",
  count: 7,
  least: 1.5,
  flag: false,
};

function compiled(sql: string) {
  return goodTemplate(
    `${PARAMETERS}steps:\n  - step_id: q\n    type: bigquery_query\n    query: ${JSON.stringify(sql)}\n`,
  );
}

function bound(sql: string, values: Record<string, JsonValue> = VALUES): ResolvedQuery {
  const [step] = resolved(compiled(sql), values).steps;
  assert.ok(step?.type === "bigquery_query");
  return step.query;
}

type Param = [type: string, value: string | number | boolean];

const CASES: [what: string, sql: string, becomes: string, ...params: Param[]][] = [
  ["a literal", "SELECT '{day}'", "SELECT @p0", ["STRING", "2025-11-15"]],
  ["text around a variable", "SELECT 'x-{day}-y{count}'", "SELECT @p0", ["STRING", "x-2025-11-15-y7"]],
  ["double quotes", 'SELECT "{region}"', "SELECT @p0", ["STRING", VALUES.region]],
  ["triple quotes", "SELECT '''it's {region}'''", "SELECT @p0", ["STRING", `it's ${VALUES.region}`]],
  ["a raw literal's backslashes", "SELECT r'\\d+{name}'", "SELECT @p0", ["STRING", "\\d+main"]],
  [
    "a backslash before a variable in a raw literal",
    "SELECT r'\\{name}'",
    "SELECT @p0",
    ["STRING", "\\main"],
  ],
  ["escapes", "SELECT '\\n\\x41\\u00e9\\101\\'\\\\{name}'", "SELECT @p0", ["STRING", "\nAéA'\\main"]],
  ["a line end in triple quotes", 'SELECT """a\r\nb{name}"""', "SELECT @p0", ["STRING", "a\nbmain"]],
  ["a literal without variables", "SELECT 'a\\n', '{name}'", "SELECT 'a\\n', @p0", ["STRING", "main"]],
  [
    "the same literal twice",
    "SELECT '{day}' WHERE x = '{day}'",
    "SELECT @p0 WHERE x = @p0",
    ["STRING", "2025-11-15"],
  ],
  ["a bare date", "SELECT {day}", "SELECT @p0", ["DATE", "2025-11-15"]],
  ["a bare timestamp", "SELECT {at}", "SELECT @p0", ["TIMESTAMP", VALUES.at]],
  ["a bare string", "SELECT {region}", "SELECT @p0", ["STRING", VALUES.region]],
  ["bare numbers", "SELECT -{count}+({least})", "SELECT -@p0+(@p1)", ["INT64", 7], ["FLOAT64", 1.5]],
  ["a bare bool", "SELECT {flag}", "SELECT @p0", ["BOOL", false]],
  [
    "one variable bare and quoted",
    "SELECT {day}, '{day}'",
    "SELECT @p0, @p1",
    ["DATE", "2025-11-15"],
    ["STRING", "2025-11-15"],
  ],
  ["a platform variable", "SELECT '{tenant_id}/{run_id}'", "SELECT @p0", ["STRING", "acmeinc_23xv2/run-1"]],
  ["a typed literal", "SELECT DATE '{day}'", "SELECT CAST( @p0 AS DATE)", ["STRING", "2025-11-15"]],
  [
    "a typed literal, commented",
    "SELECT timestamp/*!*/'{day}'",
    "SELECT CAST(/*!*/@p0 AS TIMESTAMP)",
    ["STRING", "2025-11-15"],
  ],
  ["a JSON literal", "SELECT JSON '{{\"a\": {count}}}'", "SELECT PARSE_JSON( @p0)", ["STRING", '{"a": 7}']],
  ["a variable named like a type", "SELECT date, '{name}'", "SELECT date, @p0", ["STRING", "main"]],
  [
    "a literal against a word",
    "SELECT 1 WHERE x='{name}'AND y",
    "SELECT 1 WHERE x=@p0 AND y",
    ["STRING", "main"],
  ],
  ["backticks", "SELECT * FROM `b_{name}`", "SELECT * FROM `b_main`"],
  ["a date in backticks", "SELECT * FROM `b_{day}`", "SELECT * FROM `b_2025-11-15`"],
  ["braces as text", "SELECT '{{day}}', r'^{{4}}$' -- {{x}}", "SELECT '{day}', r'^{4}$' -- {x}"],
  ["a variable's braces doubled around", "SELECT '{{{name}}}'", "SELECT @p0", ["STRING", "{main}"]],
  ["a quote in a comment", "SELECT 1 -- it's\n, '{name}'", "SELECT 1 -- it's\n, @p0", ["STRING", "main"]],
  [
    "a comment's begin in a literal",
    "SELECT '--', '/*', '{name}' -- */",
    "SELECT '--', '/*', @p0 -- */",
    ["STRING", "main"],
  ],
  ["a private-use character and a ?", "SELECT '?\ue000{name}?'", "SELECT @p0", ["STRING", "?\ue000main?"]],
];

test("variables in SQL become query parameters", async (t) => {
  for (const [what, sql, becomes, ...params] of CASES) {
    await t.test(what, () => {
      const query = bound(sql);
      assert.equal(query.sql, becomes);
      assert.deepEqual(
        query.params,
        params.map(([type, value], i) => ({ name: `p${i}`, type, value })),
      );
      assert.equal(query.defaultDataset, "acmeinc_23xv2");
    });
  }
});

test("a value in backticks holds letters, digits, _ and - only, and the problem names variable and place", () => {
  for (const name of ["a`b", "a.b", "a b", "", "a\\x2e", "ä", "a\n", "x`; DROP TABLE t; --"]) {
    const result = resolveFor(compiled("SELECT * FROM `t_{name}`"), { ...VALUES, name });
    const problems: Problem[] = "problems" in result ? result.problems : [];
    assert.deepEqual(
      problems.map(({ field }) => field),
      ["name"],
      JSON.stringify(name),
    );
    assert.match(problems[0]?.message ?? "", /backticks in steps\[0\]\.query/);
  }
});

test("no value changes the SQL's text, whatever it holds", () => {
  const sql = `SELECT '{region}', r"x{name}", """{region}""", DATE '{name}', {region}, '''{name}''{region}'''
    FROM \`t_{tenant_id}\` WHERE x='{name}' AND {name} IS NOT NULL -- done`;
  const template = compiled(sql);
  const before = bound(sql).sql;
  const random = seededRandom(20261124);
  for (let i = 0; i < 2_000; i++) {
    const values = { ...VALUES, region: nastyText(random), name: nastyText(random) };
    const [step] = resolved(template, values).steps;
    assert.ok(step?.type === "bigquery_query");
    assert.equal(step.query.sql, before);
    assert.equal(step.query.params[0]?.value, values.region);
    assert.equal(step.query.params[1]?.value, `x${values.name}`);
    assert.equal(step.query.params.at(-2)?.value, `${values.name}''${values.region}`);
  }
});

const NASTY = [
  "'",
  '"',
  "`",
  "\\",
  "\n",
  "\r",
  "--",
  "#",
  "/*",
  "*/",
  ";",
  "{",
  "}",
  "{day}",
  "{{",
  "@p0",
  "?",
  "'''",
  '"""',
  " OR 1=1",
  "é",
  "😀",
  "\u0000",
  "\u2028",
  "a",
  "0",
  "%",
  "$&",
  "$1",
];

function nastyText(random: () => number): string {
  const length = Math.floor(random() * 8);
  return Array.from({ length }, () => NASTY[Math.floor(random() * NASTY.length)] ?? "").join("");
}
