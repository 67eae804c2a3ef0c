/** What docs/PIPELINES.md shows is what the templates' code does. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
  type Fault,
  parseTemplate,
  type ResolvedStep,
  resolve,
  resolveParameters,
  showFault,
  type Template,
} from "@convergence/pipeline";
import { CHECK_TYPES } from "@convergence/pipeline/data-quality/index.ts";
import { checkIsolation, ISOLATION_MESSAGE } from "@convergence/pipeline/isolation/index.ts";
import { templateJsonSchema } from "@convergence/pipeline/json-schema.ts";
import { RESERVED_VARIABLES } from "@convergence/pipeline/parameters.ts";
import { LATER_STEP_TYPES, STEP_TYPES } from "@convergence/pipeline/step-types/index.ts";
import { PARAMETER_TYPES, type ResolvedSql } from "@convergence/pipeline/types.ts";
import { parse, stringify } from "yaml";
import { blocks, codeSpans, rows } from "./markdown.ts";

const page = readFileSync(path.join(import.meta.dirname, "PIPELINES.md"), "utf8");
const all = blocks(page);
/** "16 November 2025 (UTC)". */
const NOW = Date.parse("2025-11-16T09:00:00Z");
const PROJECT = "gac-prod-471220";

function parsed(text: string): { template: Template } | { faults: Fault[] } {
  const name = { provider: "gcp", domain: "cost", name: "example" };
  return parseTemplate(text, "configs/gcp/cost/example.yml", name);
}

function template(text: string): Template {
  const result = parsed(text);
  if ("faults" in result) assert.fail(result.faults.map(showFault).join("\n"));
  return result.template;
}

function steps(text: string, body: string): ResolvedStep[] {
  const found = template(text);
  const read = resolveParameters(found, JSON.parse(body), NOW);
  if ("problems" in read) assert.fail(JSON.stringify(read.problems));
  const context = {
    tenantId: "acmeinc_23xv2",
    runId: "11111111-2222-4333-8444-555555555555",
    project: PROJECT,
    values: read.values,
  };
  const run = resolve(found, context);
  if ("problems" in run) assert.fail(JSON.stringify(run.problems));
  return run.ok.steps;
}

/** A step as the page prints it. */
function shown(step: ResolvedStep): string {
  const minutes = step.timeoutMinutes === null ? "" : `, ${step.timeoutMinutes} min`;
  return [`${step.stepId}: ${step.type}, on_failure ${step.onFailure}${minutes}`, ...work(step)].join("\n  ");
}

function work(step: ResolvedStep): string[] {
  switch (step.type) {
    case "noop":
      return [];
    case "dataset_check":
      return step.tables;
    case "data_quality":
    case "reconciliation":
      return quality(step);
    case "bigquery_load":
      return [...loaded(step), ...destination(step)];
    case "bigquery_query":
      return [...step.query.sql.trimEnd().split("\n"), ...parameters(step), ...destination(step)];
  }
}

function parameters(step: Extract<ResolvedStep, { type: "bigquery_query" }>): string[] {
  return step.query.params.map(parameter);
}

function parameter({ name, type, value }: ResolvedSql["params"][number]): string {
  return `@${name} ${type} ${JSON.stringify(value)}`;
}

type QualityStep = Extract<ResolvedStep, { type: "data_quality" | "reconciliation" }>;

function quality({ table, where, mode, sampleColumns, checks }: QualityStep): string[] {
  const samples = sampleColumns.length === 0 ? "" : `, samples with ${sampleColumns.join(", ")}`;
  const sqlOf = (name: string, part: ResolvedSql) => [`${name}: ${part.sql}`, ...part.params.map(parameter)];
  return [
    `${table}, mode ${mode}${samples}`,
    ...(where === null ? [] : sqlOf("where", where)),
    ...checks.flatMap(({ check, severity, args, sql }) => [
      [`${check}, ${severity}`, ...told(args, sql)].join(", "),
      ...Object.entries(sql).flatMap(([name, part]) => sqlOf(name, part).map((line) => `  ${line}`)),
    ]),
  ];
}

function destination(step: Extract<ResolvedStep, { type: "bigquery_query" | "bigquery_load" }>): string[] {
  if (step.destination === null) return [];
  const { table, write, keys, partitionBy, clusterBy } = step.destination;
  const by = keys === undefined ? "" : ` by ${keys.join(", ")}`;
  const partitioned =
    partitionBy === null ? "" : `, partitioned by ${partitionBy.type} of ${partitionBy.field}`;
  const clustered = clusterBy === null ? "" : `, clustered by ${clusterBy.join(", ")}`;
  return [`-> ${table}, ${write}${by}${partitioned}${clustered}`];
}

function loaded({ source, format, schema }: Extract<ResolvedStep, { type: "bigquery_load" }>): string[] {
  const from = "files" in source ? source.files : source.uris;
  return [`${from.join(", ")} as ${JSON.stringify(format)}`, `columns ${JSON.stringify(schema)}`];
}

/** What a check is told that is no SQL. */
function told(args: QualityStep["checks"][number]["args"], sql: Record<string, ResolvedSql>): string[] {
  const plain = Object.entries(args).filter(([name]) => sql[name] === undefined);
  return plain.map(([name, value]) => `${name} ${JSON.stringify(value)}`);
}

test("every template on the page has no fault, and comes to what is printed below it", async (t) => {
  const templates = all.filter(({ language, info }) => language === "yaml" && info === "");
  assert.ok(templates.length >= 7);
  for (const one of templates) {
    await t.test(one.section, () => {
      const [body, becomes] = all.slice(all.indexOf(one) + 1);
      assert.deepEqual(
        [body?.language, becomes?.language],
        ["json", "text"],
        "a body and what it comes to follow",
      );
      assert.equal(
        `${steps(one.text, body?.text ?? "")
          .map(shown)
          .join("\n")}\n`,
        becomes?.text,
      );
    });
  }
});

test("every step type has a worked example in a section of its own", () => {
  for (const { name } of STEP_TYPES) {
    const own = all.filter(({ section, language }) => section === name && language === "yaml");
    assert.ok(
      own.some(({ text }) => template(text).steps.some(({ type }) => type === name)),
      name,
    );
  }
});

test("every check has its row, with its keys, and is in the worked example", () => {
  const told = rows(page, "check").map(([check = "", keys = ""]) => [
    codeSpans(check)[0],
    codeSpans(keys).sort(),
  ]);
  const fields = CHECK_TYPES.map((type) => [type.name, Object.keys(type.fields).sort()]);
  assert.deepEqual(told.sort(), fields.sort());
  const example = all.find(({ section, language }) => section === "data_quality" && language === "yaml");
  for (const { name } of CHECK_TYPES) assert.ok(example?.text.includes(`check: ${name},`), name);
});

test("the broken templates have the faults that are printed, and only those", () => {
  const broken = all.filter(({ language, info }) => language === "yaml" && info === "broken");
  assert.ok(broken.length > 0);
  for (const one of broken) {
    const result = parsed(one.text);
    const faults = "faults" in result ? result.faults.map(showFault) : [];
    assert.equal(`${faults.join("\n")}\n`, all[all.indexOf(one) + 1]?.text);
  }
});

const SQL = "How values land in SQL";
const sqlExample = all.find(({ section, language }) => section === SQL && language === "yaml")?.text ?? "";
const sqlBody = all.find(({ section, language }) => section === SQL && language === "json")?.text ?? "";

/** The section's template with another query. */
function withQuery(query: string): string {
  const raw: { steps: { query: string }[] } = parse(sqlExample);
  return stringify({ ...raw, steps: raw.steps.map((step) => ({ ...step, query })) });
}

test("SQL becomes what the table says, with the parameters it says", async (t) => {
  const cases = rows(page, "written").filter((row) => row.length === 3);
  assert.ok(cases.length >= 10);
  for (const [written, becomes, params] of cases.map((row) => row.map(codeSpans))) {
    await t.test(written?.[0] ?? "", () => {
      const [step] = steps(withQuery(written?.[0] ?? ""), sqlBody);
      assert.ok(step?.type === "bigquery_query");
      assert.deepEqual([step.query.sql, parameters(step)], [becomes?.[0], params]);
    });
  }
});

test("SQL that cannot be replaced safely has the fault that the table says", async (t) => {
  const cases = rows(page, "written").filter((row) => row.length === 2);
  assert.ok(cases.length >= 9);
  for (const [written = "", message] of cases) {
    await t.test(written, () => {
      const result = parsed(withQuery(codeSpans(written)[0] ?? ""));
      assert.deepEqual("faults" in result ? result.faults.map((fault) => fault.message) : [], [message]);
    });
  }
});

/** The names of all properties in a JSON Schema, wherever they stand. */
function properties(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) =>
    key === "properties" && typeof value === "object" && value !== null
      ? [...Object.keys(value), ...properties(Object.values(value))]
      : properties(value),
  );
}

test("the tables of keys name every key of the schema, and no other", () => {
  const told = new Set(rows(page, "key").flatMap(([key = ""]) => codeSpans(key)));
  assert.deepEqual([...told].sort(), [...new Set(properties(templateJsonSchema()))].sort());
});

test("types, variables and what is left for later are the code's", () => {
  assert.deepEqual(
    rows(page, "type").flatMap(([type = ""]) => codeSpans(type)),
    PARAMETER_TYPES,
  );
  assert.deepEqual(
    rows(page, "variable").flatMap(([variable = ""]) => codeSpans(variable)),
    RESERVED_VARIABLES,
  );
  const later = page.slice(page.indexOf("## Not in this release"));
  for (const name of LATER_STEP_TYPES) assert.ok(later.includes(`\`${name}\``), name);
});

test("the refusal that is quoted is the one that is given", () => {
  const quoted = [...page.matchAll(/^> (.+)$/gm)].map(([, line]) => line).join(" ");
  assert.equal(quoted, ISOLATION_MESSAGE);
  const own = { project: PROJECT, dataset: "acmeinc_23xv2" };
  for (const sql of ["SELECT other.f()", "SELECT * FROM ACMEINC_23XV2.billing", "FROM billing |> SELECT *"]) {
    assert.equal(checkIsolation(sql, own).ok, false, sql);
  }
  assert.ok(checkIsolation("SELECT * FROM `acmeinc_23xv2.billing`, api_keys", own).ok);
});
