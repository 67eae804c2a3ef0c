/** Templates with one planted fault each. « stands where the fault has to be found, and is taken out first. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTemplate } from "./index.ts";
import type { Fault } from "./types.ts";

const NAME = { provider: "gcp", domain: "cost", name: "broken" };

/** A full template around one step's fields. */
function step(fields: string): string {
  return `pipeline_id: "{pipeline_id}"
parameters:
  day: { type: date, default: yesterday }
  region: { type: string }
  least: { type: float, default: 0.5 }
steps:
  - step_id: one
    type: noop
  - step_id: two
${fields.replace(/^/gm, "    ")}
`;
}

function query(sql: string): string {
  return step(`type: bigquery_query\nquery: |\n${sql.replace(/^/gm, "  ")}`);
}

function short(source: string, destination: string): string {
  return `description: short\nsource:\n${source.replace(/^/gm, "  ")}\ndestination:\n${destination.replace(/^/gm, "  ")}\n`;
}

const SELECT = 'type: bigquery_query\nquery: "SELECT 1"';

/** A data_quality step with one check. */
function check(fields: string): string {
  return step(`type: data_quality\ntable: t\nchecks:\n  - { check: row_count, min: 1 }\n  - ${fields}`);
}

const BROKEN: [what: string, template: string, says: RegExp][] = [
  ["a YAML syntax error", "steps:\n  - step_id: a\n    type: «[noop\n", /not YAML/],
  ["an unclosed quote", 'description: «"abc\nsteps: []\n', /not YAML/],
  ["a tab as indentation", "steps:\n«\t- step_id: a\n", /not YAML/],
  [
    "a key twice",
    "description: a\n«description: b\nsteps:\n  - { step_id: a, type: noop }\n",
    /there already/,
  ],
  ["a key twice in a step", step("type: noop\n«type: noop"), /there already/],
  ["two documents", "steps:\n  - { step_id: a, type: noop }\n«---\nsteps: []\n", /one template/],
  [
    "an unknown tag",
    "description: «!x a\nsteps:\n  - { step_id: a, type: noop }\n",
    /not YAML: Unresolved tag/,
  ],
  ["a file that contains itself", "«steps: &s\n  - *s\n", /cannot be read/],
  ["an empty file", "«", /a map of keys/],
  ["a list as file", "«- step_id: a\n", /a map of keys/],
  ["no steps", "«description: nothing to do\n", /steps is missing: give a list/],
  ["an empty list of steps", "steps: «[]\n", /at least one step/],
  ["steps that are no list", "steps: «{ a: 1 }\n", /steps must be a list, not a map/],
  ["a step that is no map", "steps:\n  - { step_id: a, type: noop }\n  - «noop\n", /a step is a map/],
  [
    "an unknown top key",
    "«desciption: a\nsteps:\n  - { step_id: a, type: noop }\n",
    /unknown key "desciption"; did you mean "description"\?/,
  ],
  ["an unknown key in a step", step("type: noop\n«on_failur: stop"), /did you mean "on_failure"\?/],
  [
    "an unknown key in a destination",
    step(`${SELECT}\ndestination:\n  table: t\n  «write_mod: append`),
    /did you mean "write_mode"\?/,
  ],
  [
    "an unknown key in partition_by",
    step(`${SELECT}\ndestination:\n  table: t\n  partition_by: { field: d, «kind: DAY }`),
    /unknown key "kind"/,
  ],
  [
    "an unknown key in a parameter",
    "parameters:\n  a: { type: int, «defalt: 1 }\nsteps:\n  - { step_id: a, type: noop }\n",
    /did you mean "default"\?/,
  ],
  [
    "steps beside a source",
    "«source: { query: SELECT 1 }\nsteps:\n  - { step_id: a, type: noop }\n",
    /steps or a source, not both/,
  ],
  ["a missing step_id", "steps:\n  - «type: noop\n", /step_id is missing/],
  ["a missing type", "steps:\n  - «step_id: a\n", /type is missing: give one of bigquery_query/],
  [
    "a missing query",
    step("«type: bigquery_query\ndestination: { table: t }")
      .replace("«", "")
      .replace("- step_id: two", "- «step_id: two"),
    /query is missing/,
  ],
  ["a missing table", short("query: SELECT 1", "«write_mode: append"), /table is missing/],
  ["a missing destination of the short form", "«source:\n  query: SELECT 1\n", /destination is missing/],
  [
    "a description that is a number",
    "description: «7\nsteps:\n  - { step_id: a, type: noop }\n",
    /must be a text, not a number/,
  ],
  [
    "a variable without quotes",
    step(`${SELECT}\ndestination: { table: «{date} }`),
    /must be a text, not a map \(a text that begins with "\{" needs quotes\)/,
  ],
  ["braces without quotes", step("type: bigquery_query\nquery: {«{date}}"), /needs quotes around it/],
  ["a query that is a list", step("type: bigquery_query\nquery: «[SELECT 1]"), /must be a text, not a list/],
  ["an empty query", step('type: bigquery_query\nquery: «""'), /must not be empty/],
  ["a timeout that is a text", step('type: noop\ntimeout_minutes: «"10"'), /must be a number, not a text/],
  ["a timeout of zero", step("type: noop\ntimeout_minutes: «0"), /at least 1 minute/],
  ["a timeout of half a minute", step("type: noop\ntimeout_minutes: «0.5"), /must be a whole number/],
  [
    "a timeout that is too long",
    "timeout_minutes: «100000\nsteps:\n  - { step_id: a, type: noop }\n",
    /at most 360/,
  ],
  [
    "an unknown step type",
    step("type: «bigquery_qeury"),
    /no step type bigquery_qeury; did you mean "bigquery_query"\?/,
  ],
  [
    "a step type of a later release",
    step("type: «http_ingest"),
    /http_ingest is not available in this release/,
  ],
  ["an earlier name of such a type", step("type: «ingest"), /ingest is not available in this release/],
  [
    "a load from outside the inbox",
    step("type: bigquery_load\nformat: ndjson\nfiles: [«../other/a.ndjson]\ndestination: { table: t }"),
    /must be a path within the inbox folder/,
  ],
  [
    "a load of an absolute path",
    step("type: bigquery_load\nformat: ndjson\nfiles: [a.ndjson, «/etc/passwd]\ndestination: { table: t }"),
    /must be a path within the inbox folder/,
  ],
  [
    "a load of another scheme",
    step("type: bigquery_load\nformat: ndjson\nuris: [«https://example.com/a]\ndestination: { table: t }"),
    /is not gs:\/\/bucket\/object/,
  ],
  [
    "a load in an unknown format",
    step("type: bigquery_load\nformat: «excel\nfiles: [a]\ndestination: { table: t }"),
    /must be one of|excel/,
  ],
  [
    "csv options of another format",
    step(
      'type: bigquery_load\nformat: ndjson\nfiles: [a]\ncsv: «{ delimiter: ";" }\ndestination: { table: t }',
    ),
    /csv belongs to format: csv/,
  ],
  [
    "a load's column of no type",
    step(
      "type: bigquery_load\nformat: ndjson\nfiles: [a]\nschema: [{ name: a, type: «TEXT }]\ndestination: { table: t }",
    ),
    /TEXT|must be/,
  ],
  [
    "a load's schema that is another word",
    step("type: bigquery_load\nformat: ndjson\nfiles: [a]\nschema: «detetc\ndestination: { table: t }"),
    /must be a list of columns, or the word detect/,
  ],
  [
    "a step_id twice",
    step("type: noop").replace("step_id: two", "step_id: «one"),
    /step one is there already \(steps\[0\]\)/,
  ],
  [
    "a step_id with blanks",
    step("type: noop").replace("step_id: two", "step_id: «step two"),
    /letters, digits/,
  ],
  [
    "a dependency on no step",
    step("type: noop\ndepends_on: [«oen]"),
    /there is no step oen; did you mean "one"\?/,
  ],
  ["a dependency on itself", step("type: noop\ndepends_on: [one, «two]"), /depends on itself/],
  ["a dependency that is no list", step("type: noop\ndepends_on: «one"), /must be a list, not a text/],
  [
    "another on_failure",
    step("type: noop\non_failure: «contnue"),
    /must be one of stop, continue, alert; did you mean "continue"\?/,
  ],
  ["a retry without attempts", step("type: noop\nretry: «{ backoff: fixed }"), /attempts is missing/],
  ["too many attempts", step("type: noop\nretry: { attempts: «11 }"), /must be at most 10/],
  [
    "an unknown backoff",
    step("type: noop\nretry: { attempts: 2, backoff: «linear }"),
    /must be one of exponential, fixed/,
  ],
  ["no pause", step("type: noop\nretry: { attempts: 2, pause_seconds: «0 }"), /must be at least 1 second/],
  [
    "a schedule of six fields",
    'schedule: { cron: «"0 0 6 * * *" }\nsteps:\n  - { step_id: a, type: noop }\n',
    /cron must have five fields/,
  ],
  [
    "a schedule on no planet's time",
    'schedule: { cron: "0 6 * * *", timezone: «Mars/Base }\nsteps:\n  - { step_id: a, type: noop }\n',
    /timezone is no IANA time zone/,
  ],
  [
    "a concurrency of none",
    "concurrency: { limit: «0 }\nsteps:\n  - { step_id: a, type: noop }\n",
    /must be at least 1/,
  ],
  [
    "a concurrency by an unknown variable",
    'concurrency: { key: "«{dat}", limit: 1 }\nparameters: { date: { type: date } }\nsteps:\n  - { step_id: a, type: noop }\n',
    /unknown variable \{dat\}; did you mean "date"\?/,
  ],
  [
    "an unknown variable in a query",
    query("SELECT 1\nFROM t\nWHERE r = '«{regoin}'"),
    /unknown variable \{regoin\}; did you mean "region"\?/,
  ],
  [
    "an unknown variable in a table",
    step(`${SELECT}\ndestination: { table: "t_«{dat}" }`),
    /unknown variable \{dat\}; did you mean "date"\?/,
  ],
  [
    "an unknown variable in the description",
    'description: "for «{who}"\nsteps:\n  - { step_id: a, type: noop }\n',
    /declare it under parameters/,
  ],
  ["no checks", step("type: data_quality\ntable: t\nchecks: «[]"), /must have at least one check/],
  [
    "a check without its name",
    check("«{ column: a }"),
    /check is missing: give one of not_null, unique_combination, unique,/,
  ],
  [
    "an unknown check",
    check("{ check: «not_nul, columns: [a] }"),
    /check must be one of .*; did you mean "not_null"\?/,
  ],
  ["a check that is no map", check("«not_null"), /must be a map, not a text/],
  ["a missing argument of a check", check("«{ check: not_null }"), /columns is missing: give a list/],
  [
    "an unknown argument of a check",
    check("{ check: unique, column: a, «colunm: b }"),
    /unknown key "colunm"; did you mean "column"\?; known here: check, severity, column$/,
  ],
  [
    "another severity",
    check("{ check: unique, column: a, severity: «error }"),
    /severity must be one of info, warn, fail/,
  ],
  [
    "another mode",
    step("type: dq_check\ntable: t\nmode: «strict\nchecks: [{ check: row_count, min: 1 }]"),
    /fail, warn/,
  ],
  ["a range without bounds", check("{ check: «value_range, column: a }"), /needs min, max, or both/],
  ["a row count without bounds", check("{ check: «row_count }"), /needs min, max, or both/],
  ["a share above 1", check("{ check: null_share, column: a, max: «10 }"), /a share from 0 to 1/],
  [
    "a tolerance that is none",
    check("{ check: aggregate, aggregate: COUNT(*), equals: 1, tolerance: «1 % }"),
    /must be a number, or a share/,
  ],
  [
    "an aggregate that equals nothing",
    check("{ check: aggregate, aggregate: «COUNT(*) }"),
    /equals or equals_query: give one/,
  ],
  [
    "an aggregate that equals two things",
    check("{ check: aggregate, aggregate: COUNT(*), equals: 1, equals_query: «SELECT 1 }"),
    /not both/,
  ],
  [
    "an expression that closes too much",
    check('{ check: expression, expression: "a > 1«) OR (b" }').replace(") OR (b", ")"),
    /nothing opens this "\)"/,
  ],
  [
    "an expression that closes too little",
    check('{ check: expression, expression: "«(a > 1" }'),
    /nothing closes this "\("/,
  ],
  [
    "an expression with a comment",
    check('{ check: expression, expression: "a > 1 «-- b" }'),
    /no comment may stand here/,
  ],
  [
    "two expressions",
    check('{ check: expression, expression: "a > 1«; SELECT 2" }'),
    /take the semicolon out/,
  ],
  ["an empty expression", check('{ check: expression, expression: "« " }'), /is empty: write an expression/],
  [
    "a query in place of an expression's variable",
    check('{ check: expression, expression: "a > {«lest}" }').replace("{«lest}", "«{lest}"),
    /unknown variable \{lest\}; did you mean "least"\?/,
  ],
  [
    "a compared query that writes",
    check('{ check: aggregate, aggregate: COUNT(*), equals_query: "«DELETE FROM t" }'),
    /a query is a SELECT/,
  ],
  [
    "a reconciliation with nothing",
    step("type: reconciliation\ntable: t\naggregate: «SUM(a)"),
    /equals or equals_query: give one/,
  ],
  ["an unbalanced brace", query("SELECT 1\nFROM t WHERE r = '«{region'"), /begins no variable/],
  [
    "a closing brace alone",
    'description: "all «} of it"\nsteps:\n  - { step_id: a, type: noop }\n',
    /ends no variable/,
  ],
  [
    "braces of a regular expression",
    query("SELECT REGEXP_CONTAINS(r, r'^[0-9]«{4}$')"),
    /names no variable: write \{\{4\}\} for the text/,
  ],
  ["a variable in a line comment", query("SELECT 1 -- for «{region}\nFROM t"), /variable in a comment/],
  ["a variable in a # comment", query("SELECT 1 # for «{region}\nFROM t"), /variable in a comment/],
  ["a variable in a block comment", query("SELECT 1 /* for\n «{region} */ FROM t"), /variable in a comment/],
  [
    "a variable in a step's name",
    step("type: noop").replace("step_id: two", 'step_id: «"a{region}"'),
    /letters, digits/,
  ],
  [
    "a variable in a default",
    'parameters:\n  a: { type: string, default: "«{tenant_id}" }\nsteps:\n  - { step_id: a, type: noop }\n',
    /no variable may stand here/,
  ],
  ["a variable as bytes", query("SELECT b'«{region}'"), /bytes literal/],
  ["a variable beside a name", query("SELECT * FROM billing_«{region}"), /needs quotes/],
  ["a variable as a column", query("SELECT t.«{region} FROM t"), /needs quotes/],
  ["two variables side by side", query("SELECT {least}«{day}"), /needs quotes/],
  ["a text as INTERVAL", query("SELECT INTERVAL «'{least}' DAY"), /INTERVAL \{name\} DAY/],
  ["a backslash before a variable", query("SELECT 'a\\«{region}'"), /escapes nothing/],
  ["an escape that is none", query("SELECT 'a«\\q{region}'"), /not one of GoogleSQL/],
  ["a string without end", query("SELECT «'abc\nFROM t"), /nothing closes this: '/],
  ["a comment without end", query("SELECT 1 «/* abc\nFROM t"), /nothing closes this: \*\//],
  ["a name without end", query("SELECT 1 FROM «`abc\n"), /nothing closes this: `/],
  ["two statements", query("SELECT 1;\n«SELECT 2"), /one statement/],
  ["a DELETE", query("«DELETE FROM t WHERE TRUE"), /a query is a SELECT/],
  ["a script", query("«BEGIN SELECT 1; END").replace("; END", " END"), /a query is a SELECT/],
  ["a query of comments", query("«-- nothing"), /the query is empty/],
  ["a query parameter", query("SELECT «@day"), /asks for a query parameter/],
  ["a positional parameter", query("SELECT «?"), /asks for a query parameter/],
  [
    "another dataset as destination",
    step(`${SELECT}\ndestination:\n  dataset: «other\n  table: t`),
    /always the tenant's own/,
  ],
  [
    "another dataset as source",
    short("dataset: «other\nquery: SELECT 1", "table: t"),
    /always the tenant's own/,
  ],
  ["a table name that is none", step(`${SELECT}\ndestination: { table: «a.b }`), /letters, digits/],
  ["a table of the platform's own", step(`${SELECT}\ndestination: { table: «API_keys }`), /platform's own/],
  [
    "a bad write mode",
    step(`${SELECT}\ndestination: { table: t, write_mode: «truncate }`),
    /must be one of overwrite, append, merge/,
  ],
  [
    "a merge without keys",
    step(`${SELECT}\ndestination: { table: t, write_mode: «merge }`),
    /merge needs keys/,
  ],
  [
    "a key of merge that is no column",
    step(`${SELECT}\ndestination: { table: t, write_mode: merge, keys: [a, «b-c] }`),
    /"b-c" is not a column's name/,
  ],
  ["keys without a merge", step(`${SELECT}\ndestination: { table: t, keys: «[a] }`), /keys belong to/],
  [
    "five cluster columns",
    step(`${SELECT}\ndestination: { table: t, cluster_by: «[a, b, c, d, e] }`),
    /more than four/,
  ],
  [
    "a cluster column that is none",
    step(`${SELECT}\ndestination: { table: t, cluster_by: [a, «b-c] }`),
    /not a column's name/,
  ],
  [
    "a partition type that is none",
    step(`${SELECT}\ndestination: { table: t, partition_by: { field: d, type: «WEEK } }`),
    /must be one of DAY/,
  ],
  [
    "a partition that is a number",
    step(`${SELECT}\ndestination: { table: t, partition_by: «7 }`),
    /must be a text or a map, not a number/,
  ],
  [
    "a parameter of no known type",
    "parameters:\n  a: { type: «datum }\nsteps:\n  - { step_id: a, type: noop }\n",
    /must be one of string, int/,
  ],
  [
    "a parameter without type",
    "parameters:\n  a: «{ default: 1 }\nsteps:\n  - { step_id: a, type: noop }\n",
    /type is missing/,
  ],
  [
    "a reserved parameter",
    "parameters:\n  «tenant_id: { type: string }\nsteps:\n  - { step_id: a, type: noop }\n",
    /platform's own/,
  ],
  [
    "a parameter named like a prototype",
    "parameters:\n  «__proto__: { type: string }\nsteps:\n  - { step_id: a, type: noop }\n",
    /platform's own/,
  ],
  [
    "trigger_by as a parameter",
    "parameters:\n  «trigger_by: { type: string }\nsteps:\n  - { step_id: a, type: noop }\n",
    /platform's own/,
  ],
  [
    "a parameter's name that is none",
    "parameters:\n  «a-b: { type: string }\nsteps:\n  - { step_id: a, type: noop }\n",
    /letters, digits and _/,
  ],
  [
    "a default of the wrong type",
    "parameters:\n  a: { type: int, default: «many }\nsteps:\n  - { step_id: a, type: noop }\n",
    /default must be a whole number/,
  ],
  [
    "a default that is no date",
    "parameters:\n  a: { type: date, default: «2025-13-45 }\nsteps:\n  - { step_id: a, type: noop }\n",
    /default must be a date as YYYY-MM-DD, or today or yesterday/,
  ],
  [
    "a default of a required parameter",
    "parameters:\n  a: { type: int, default: 1, required: «true }\nsteps:\n  - { step_id: a, type: noop }\n",
    /never required/,
  ],
  [
    "no default where none is required",
    "parameters:\n  a: { type: int, required: «false }\nsteps:\n  - { step_id: a, type: noop }\n",
    /needs a default/,
  ],
  [
    "no tables to check",
    "steps:\n  - step_id: a\n    type: dataset_check\n    tables: «[]\n",
    /at least one table/,
  ],
  [
    "a checked table of another dataset",
    "steps:\n  - step_id: a\n    type: dataset_check\n    tables: [«other.t]\n",
    /must be a table's name/,
  ],
];

test(`each of ${BROKEN.length} planted faults is found alone and in its place`, async (t) => {
  for (const [what, marked, says] of BROKEN) {
    await t.test(what, () => {
      const { text, at } = unmark(marked);
      const faults = faultsOf(text);
      assert.deepEqual(
        faults.map(({ line, column }) => `${line}:${column}`),
        [at],
        JSON.stringify(faults),
      );
      assert.match(faults[0]?.message ?? "", says);
      assert.equal(faults[0]?.file, "configs/gcp/cost/broken.yml");
    });
  }
});

test("a cycle is told at each of its ends", () => {
  const faults = faultsOf(`steps:
  - { step_id: a, type: noop, depends_on: [c] }
  - { step_id: b, type: noop, depends_on: [a] }
  - { step_id: c, type: noop, depends_on: [b] }
`);
  assert.deepEqual(
    faults.map(({ line }) => line),
    [2, 3, 4],
  );
  for (const fault of faults) assert.match(fault.message, /cycle/);
});

test("all faults of a file are told at once, in its order", () => {
  const faults = faultsOf(`desciption: a
parameters:
  run_id: { type: nothing }
steps:
  - step_id: a
    type: bigquery_query
    query: "SELECT {x} -- {y}"
    destination: { table: "{z", write_mode: none }
  - step_id: a
    type: nope
    retry: { attempts: 0 }
`);
  assert.deepEqual(
    faults.map(({ line, path }) => `${line} ${path}`),
    [
      "1 desciption",
      "3 parameters.run_id",
      "3 parameters.run_id.type",
      "7 steps[0].query",
      "7 steps[0].query",
      "7 steps[0].query",
      "8 steps[0].destination.table",
      "8 steps[0].destination.write_mode",
      "9 steps[1].step_id",
      "10 steps[1].type",
      "11 steps[1].retry.attempts",
    ],
  );
});

test("an alias bomb is refused, not expanded", () => {
  const rows = Array.from(
    { length: 30 },
    (_, i) => `x${i}: &x${i} [${i === 0 ? "1" : `*x${i - 1},*x${i - 1}`}]`,
  );
  const [fault] = faultsOf(`${rows.join("\n")}\n`);
  assert.match(fault?.message ?? "", /cannot be read: Excessive alias count/);
});

test("a file that is not UTF-8 is refused", () => {
  const parsed = parseTemplate(new Uint8Array([0x64, 0x3a, 0xff]), "f.yml", NAME);
  assert.match("faults" in parsed ? (parsed.faults[0]?.message ?? "") : "", /not UTF-8/);
});

function faultsOf(text: string): Fault[] {
  const parsed = parseTemplate(text, "configs/gcp/cost/broken.yml", NAME);
  return "faults" in parsed ? parsed.faults : [];
}

function unmark(marked: string): { text: string; at: string } {
  const offset = marked.indexOf("«");
  assert.ok(offset >= 0, "the template marks its fault");
  const before = marked.slice(0, offset).split("\n");
  return { text: marked.replace("«", ""), at: `${before.length}:${(before.at(-1)?.length ?? 0) + 1}` };
}
