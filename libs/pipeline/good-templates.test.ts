import assert from "node:assert/strict";
import { test } from "node:test";
import { goodTemplate, resolved } from "./testing.ts";

const STEP = "steps:\n  - { step_id: a, type: noop }\n";

function query(sql: string, parameters = ""): string {
  const declared = parameters === "" ? "" : `parameters: ${parameters}\n`;
  return `${declared}steps:\n  - step_id: a\n    type: bigquery_query\n    query: |\n${sql.replace(/^/gm, "      ")}\n`;
}

const GOOD: [what: string, template: string, values?: Record<string, string | number | boolean>][] = [
  ["the least", STEP],
  ["comments and blank lines", `# a\n\n${STEP}\n# b\n`],
  ["CRLF line ends", STEP.replaceAll("\n", "\r\n")],
  ["a byte order mark", `\ufeff${STEP}`],
  ["JSON, which is YAML", '{ "steps": [{ "step_id": "a", "type": "noop" }] }'],
  [
    "an anchor and an alias",
    "steps:\n  - &s { step_id: a, type: noop }\n  - { step_id: b, type: noop, depends_on: &d [a] }\n  - { step_id: c, type: noop, depends_on: *d }\n",
  ],
  [
    "every key of the head",
    `pipeline_id: "{pipeline_id}"\ndescription: "{tenant_id} {provider} {domain} {template_name} {run_id}"\nparameters: {}\nstrict_parameters: true\ntimeout_minutes: 30\n${STEP}`,
  ],
  [
    "every key of a step",
    "steps:\n  - step_id: a\n    type: noop\n    description: nothing for {tenant_id}\n    depends_on: []\n    on_failure: continue\n    timeout_minutes: 1\n",
  ],
  [
    "a load of files with every key",
    "parameters: { part: { type: string } }\nsteps:\n  - step_id: a\n    type: bigquery_load\n    files: ['a-{part}.csv', 'more/**/*.csv']\n    format: csv\n    csv: { delimiter: ';', header_rows: 1, null_marker: '-' }\n    schema: [{ name: a, type: DATE, mode: REQUIRED }]\n    destination: { table: t, write_mode: merge, keys: [a], partition_by: a, cluster_by: [a] }\n",
    { part: "1.b-c_d=e" },
  ],
  ["braces as text", `description: "{{not a variable}} and {{{tenant_id}}}"\n${STEP}`],
  ["Unicode", `description: "Kosten für 東京 😀"\n${STEP}`],
  [
    "every parameter type with a default",
    `parameters:\n  a: { type: string, default: x }\n  b: { type: int, default: -3 }\n  c: { type: float, default: 1 }\n  d: { type: bool, default: false }\n  e: { type: date, default: 2025-11-15 }\n  f: { type: timestamp, default: "2025-11-15T10:00:00.123456+02:00" }\n${STEP}`,
  ],
  [
    "words as defaults",
    `parameters:\n  a: { type: date, default: yesterday }\n  b: { type: date, default: today }\n  c: { type: timestamp, default: now }\n${STEP}`,
  ],
  [
    "an int beyond 2^53 as digits",
    `parameters:\n  a: { type: int, default: "9223372036854775807" }\n${STEP}`,
  ],
  [
    "a required parameter that says so",
    `parameters:\n  a: { type: int, required: true, description: "of {{braces}}" }\n${STEP}`,
    { a: 1 },
  ],
  ["an unused date", query("SELECT 1")],
  ["an implicit date", query("SELECT '{date}'"), { date: "2025-11-15" }],
  ["a declared date", query("SELECT '{date}'", "{ date: { type: date, default: today } }")],
  [
    "the document's short form",
    'source:\n  project_id: gac-prod-471220\n  dataset: "{tenant_id}"\n  query: SELECT 1\ndestination:\n  dataset: "{tenant_id}"\n  table: t\n',
  ],
  [
    "the short form with options",
    "timeout_minutes: 3\nsource: { query: SELECT 1 }\ndestination: { table: t-1, write_mode: append, partition_by: d, cluster_by: [a, b] }\n",
  ],
  [
    "an earlier type name",
    'steps:\n  - { step_id: a, type: transform, query: "SELECT 1", destination: { table: t } }\n',
  ],
  [
    "an earlier type with a source",
    'steps:\n  - { step_id: a, type: bigquery_to_bigquery, source: { query: "SELECT 1" }, destination: { table: t } }\n',
  ],
  [
    "a partition by month",
    'steps:\n  - { step_id: a, type: bigquery_query, query: "SELECT 1", destination: { table: t, partition_by: { field: day, type: MONTH } } }\n',
  ],
  [
    "a merge",
    'steps:\n  - { step_id: a, type: bigquery_query, query: "SELECT 1 AS id", destination: { table: t, write_mode: merge, keys: [id, "k_{tenant_id}"] } }\n',
  ],
  ["WITH", query("WITH a AS (SELECT 1 AS x)\nSELECT x FROM a")],
  ["a query in parentheses", query("(SELECT 1)\nUNION ALL\n(SELECT 2);\n-- the end")],
  ["comments without variables", query("-- one\n# two -- and # more\n/* three */ SELECT 1 /* '; */")],
  ["braces in a comment", query("SELECT 1 -- {{x}}")],
  ["every kind of literal", query(`SELECT 'a', "it's", '''a'b''', """a"b""", r'\\d', b'x', rb"y", 'a\\'b'`)],
  ["a semicolon in a literal", query("SELECT ';SELECT 2' -- ;")],
  ["an @ in a literal", query("SELECT 'a@b', `c@d?` FROM t")],
  [
    "a folded query",
    "steps:\n  - step_id: a\n    type: bigquery_query\n    query: >-\n      SELECT 1\n      FROM t\n",
  ],
  [
    "a variable within backticks",
    query("SELECT * FROM `billing_{day}`", "{ day: { type: string, default: x } }"),
  ],
  [
    "checks of a table, with variables in text and SQL",
    `parameters: { day: { type: date, default: yesterday }, least: { type: float, default: 0.5 }, col: { type: string, default: cost } }
steps:
  - step_id: a
    type: data_quality
    table: "t_{day}"
    where: day = {day} AND note <> ';)' AND x IN (1, [2][OFFSET(0)])
    checks:
      - { check: value_range, column: "{col}", min: "{least}", max: "{day}" }
      - { check: expression, expression: "\`{col}\` > {least}" }
      - { check: row_count, min: "{least}" }
      - { check: regex, column: a, pattern: "^{{2}}" }
      - { check: aggregate, aggregate: "SUM({least})", equals_query: "WITH a AS (SELECT 1) SELECT 1 FROM a; -- end", tolerance: 1% }
`,
  ],
  [
    "an earlier name of checks",
    "steps: [{ step_id: a, type: dq_check, table: t, checks: [{ check: unique, column: a.b }] }]\n",
  ],
  [
    "a reconciliation",
    'steps: [{ step_id: a, type: reconciliation, table: t, aggregate: SUM(x), equals: "{tenant_id}", tolerance: 0.5, mode: warn }]\n',
  ],
  ["a check of tables", "steps:\n  - { step_id: a, type: dataset_check, tables: [api_keys, t-1] }\n"],
];

test(`no false alarm on ${GOOD.length} good templates, and each resolves`, async (t) => {
  for (const [what, text, values] of GOOD) {
    await t.test(what, () => {
      const template = goodTemplate(text);
      const defaults = template.parameters.map(({ name, default: value }) => [name, fixed(value)]);
      const run = resolved(template, { ...Object.fromEntries(defaults), ...values });
      assert.equal(run.steps.length, template.steps.length);
    });
  }
});

test("a template tells what it declares", () => {
  const template = goodTemplate(`description: for {tenant_id}
strict_parameters: true
timeout_minutes: 9
parameters:
  region: { type: string, default: "{{eu}}", description: where }
steps:
  - { step_id: a, type: noop, on_failure: continue }
  - { step_id: b, type: transform, timeout_minutes: 2, query: "SELECT '{date}{region}'" }
`);
  assert.equal(template.description, "for {tenant_id}");
  assert.equal(template.strictParameters, true);
  assert.match(template.configVersion, /^[0-9a-f]{64}$/);
  assert.deepEqual(template.parameters, [
    { name: "region", type: "string", default: "{eu}", required: false, description: "where" },
    { name: "date", type: "date", default: undefined, required: true, description: "" },
  ]);
  assert.deepEqual(
    template.steps.map(({ stepId, type, onFailure, timeoutMinutes }) => [
      stepId,
      type,
      onFailure,
      timeoutMinutes,
    ]),
    [
      ["a", "noop", "continue", 9],
      ["b", "bigquery_query", "stop", 2],
    ],
  );
});

/** A default as a request would give it: the words that stand for a day replaced by one. */
function fixed(value: string | number | boolean | undefined): string | number | boolean {
  if (value === "today" || value === "yesterday") return "2025-11-15";
  return value === "now" ? "2025-11-15T00:00:00Z" : (value ?? "");
}
