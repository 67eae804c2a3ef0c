import assert from "node:assert/strict";
import { test } from "node:test";
import { goodTemplate, PROJECT, resolved, resolveFor } from "./testing.ts";
import type { JsonValue, Problem } from "./types.ts";

const DOCUMENT = `pipeline_id: "{pipeline_id}"
description: "GCP billing export for {tenant_id}"
source:
  project_id: "${PROJECT}"
  dataset: "{tenant_id}"
  query: "SELECT * FROM billing WHERE date = '{date}'"
destination:
  dataset: "{tenant_id}"
  table: "billing_export_{date}"
`;

function problemsOf(text: string, values: Record<string, JsonValue>): Problem[] {
  const result = resolveFor(goodTemplate(text), values);
  return "problems" in result ? result.problems : [];
}

function withTable(destination: string): string {
  return `parameters:\n  a: { type: string }\n  b: { type: string, default: b }\nsteps:\n  - step_id: s\n    type: bigquery_query\n    query: SELECT 1\n    destination: ${destination}\n`;
}

test("the document's template resolves as the document prints it, its value bound", () => {
  const template = goodTemplate(DOCUMENT);
  const run = resolved(template, { date: "2025-11-15", anything: { else: 1 } });
  assert.deepEqual(run, {
    pipelineId: "acmeinc_23xv2-gcp-cost-good",
    description: "GCP billing export for acmeinc_23xv2",
    configVersion: template.configVersion,
    concurrency: null,
    steps: [
      {
        stepId: "query",
        onFailure: "stop",
        timeoutMinutes: null,
        dependsOn: null,
        retry: null,
        type: "bigquery_query",
        query: {
          sql: "SELECT * FROM billing WHERE date = @p0",
          params: [{ name: "p0", type: "STRING", value: "2025-11-15" }],
          defaultDataset: "acmeinc_23xv2",
        },
        destination: {
          table: "billing_export_2025-11-15",
          write: "WRITE_TRUNCATE",
          partitionBy: null,
          clusterBy: null,
        },
      },
    ],
  });
  assert.deepEqual(JSON.parse(JSON.stringify(run)), run, "it travels as JSON");
});

test("where one step names what it depends on, the others depend on none; retries come with their defaults", () => {
  const run = resolved(
    goodTemplate(`steps:
  - { step_id: a, type: noop, depends_on: [c] }
  - { step_id: b, type: noop, retry: { attempts: 5 } }
  - { step_id: c, type: noop, retry: { attempts: 2, backoff: fixed, pause_seconds: 30, max_pause_seconds: 45 } }
`),
    {},
  );
  assert.deepEqual(
    run.steps.map(({ dependsOn, retry }) => ({ dependsOn, retry })),
    [
      { dependsOn: ["c"], retry: null },
      { dependsOn: [], retry: { attempts: 5, backoff: "exponential", pauseSeconds: 1, maxPauseSeconds: 60 } },
      { dependsOn: [], retry: { attempts: 2, backoff: "fixed", pauseSeconds: 30, maxPauseSeconds: 45 } },
    ],
  );
});

test("a destination's options are carried, variables in them replaced", () => {
  const run = resolved(
    goodTemplate(
      withTable(
        '{ table: "t-{a}", write_mode: append, partition_by: { field: "{b}", type: MONTH }, cluster_by: [x, "{b}"] }',
      ),
    ),
    { a: "1", b: "c" },
  );
  const [step] = run.steps;
  assert.ok(step?.type === "bigquery_query");
  assert.deepEqual(step.destination, {
    table: "t-1",
    write: "WRITE_APPEND",
    partitionBy: { field: "c", type: "MONTH" },
    clusterBy: ["x", "c"],
  });
});

test("a destination's table holds letters, digits, _ and - only", () => {
  for (const a of [
    "",
    "a.b",
    "a b",
    "a`",
    "a$20251115",
    "../x",
    "ä",
    "a\n",
    "x".repeat(1025),
    "2025-11-15' OR '1'='1",
  ]) {
    const problems = problemsOf(withTable('{ table: "{a}" }'), { a, b: "b" });
    assert.deepEqual(
      problems.map(({ field }) => field),
      ["a"],
      JSON.stringify(a),
    );
    assert.match(problems[0]?.message ?? "", /steps\[0\]\.destination\.table/);
  }
  const both = problemsOf(withTable('{ table: "{a}{b}" }'), { a: ".", b: "b" });
  assert.deepEqual(
    both.map(({ field }) => field),
    ["steps[0].destination.table"],
  );
});

test("the platform's own tables are nobody's destination, however they are written", () => {
  for (const a of [
    "api_keys",
    "API_KEYS",
    "pipeline_runs",
    "step_logs",
    "dq_results",
    "cloud_credentials",
    "_convergence_probe_1",
  ]) {
    const [problem] = problemsOf(withTable('{ table: "{a}" }'), { a, b: "b" });
    assert.match(problem?.message ?? "", /platform's own tables/, a);
  }
});

test("another project than the platform's is a problem", () => {
  const [problem] = problemsOf(DOCUMENT.replace(PROJECT, "other-project"), { date: "2025-11-15" });
  assert.equal(problem?.field, "source.project_id");
  assert.match(problem?.message ?? "", /other-project, but the platform runs in gac-prod-471220/);
});

test("values are checked again, and the platform's variables cannot be given", () => {
  const problems = problemsOf(DOCUMENT, { date: "x", tenant_id: "other" });
  assert.deepEqual(problems, [{ field: "date", message: "must be a date as YYYY-MM-DD" }]);
  const run = resolved(goodTemplate(DOCUMENT), { date: "2025-11-15", tenant_id: "other", pipeline_id: "x" });
  assert.equal(run.pipelineId, "acmeinc_23xv2-gcp-cost-good");
  assert.equal(run.description, "GCP billing export for acmeinc_23xv2");
});

test("a template's own pipeline_id is one line", () => {
  const text =
    'pipeline_id: "{tenant_id}:{a}"\nparameters:\n  a: { type: string }\nsteps:\n  - { step_id: s, type: noop }\n';
  assert.equal(resolved(goodTemplate(text), { a: "x y" }).pipelineId, "acmeinc_23xv2:x y");
  for (const a of ["x\ny", "x".repeat(600)]) {
    assert.deepEqual(
      problemsOf(text, { a }).map(({ field }) => field),
      ["pipeline_id"],
    );
  }
});
