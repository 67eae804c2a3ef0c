import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { loadCatalogue, resolveParameters, showFault } from "./index.ts";
import { templateJsonSchema } from "./json-schema.ts";
import { resolved } from "./testing.ts";

const CONFIGS = join(import.meta.dirname, "..", "..", "configs");
const GOOD = "steps:\n  - { step_id: a, type: noop }\n";

async function folder(t: TestContext, files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "convergence-configs-"));
  t.after(() => rm(root, { recursive: true }));
  const dir = join(root, "configs");
  await mkdir(dir);
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await writeFile(join(dir, file), text);
  }
  return dir;
}

test("the project's own templates have no fault and run", async () => {
  const catalogue = await loadCatalogue(CONFIGS);
  assert.deepEqual(catalogue.faults, []);
  for (const template of catalogue.list()) {
    const result = resolveParameters(template, { date: "2025-11-15" }, 0);
    assert.ok("values" in result, template.file);
    assert.ok(resolved(template, result.values).steps.length > 0);
  }
});

test("the templates that the platform relies on are there", async () => {
  const catalogue = await loadCatalogue(CONFIGS);
  const dryrun = catalogue.find("gcp", "example", "dryrun");
  assert.ok(dryrun);
  assert.deepEqual(
    resolved(dryrun, {}).steps.map((step) => step.type === "dataset_check" && step.tables),
    [["api_keys", "cloud_credentials", "pipeline_runs", "step_logs", "dq_results"]],
  );
  const noop = catalogue.find("gcp", "example", "noop");
  assert.deepEqual(
    noop?.steps.map(({ type }) => type),
    ["noop", "noop", "noop"],
  );
  const export_ = catalogue.find("gcp", "cost", "bill-sample-export-template");
  assert.equal(export_?.file, "configs/gcp/cost/bill-sample-export-template.yml");
  assert.deepEqual(
    export_?.parameters.map(({ name, required }) => [name, required]),
    [["date", true]],
  );
});

test("the published JSON Schema is the validators' own", async () => {
  const published: unknown = JSON.parse(await readFile(join(CONFIGS, "pipeline.schema.json"), "utf8"));
  const current: unknown = JSON.parse(JSON.stringify(templateJsonSchema()));
  assert.ok(isDeepStrictEqual(published, current), "run: node libs/pipeline/generate.ts");
});

test("templates are found by their path, broken ones only by their faults", async (t) => {
  const dir = await folder(t, {
    "gcp/cost/b.yml": GOOD,
    "gcp/cost/a.yml": GOOD,
    "aws/usage/bad.yml": "steps:\n  - { step_id: a, type: nope }\n  - { step_id: a, type: noop }\n",
    "gcp/cost/README.md": "not a template",
    "metadata/schemas/x.yml": "not a template",
    ".git/a/b.yml": "not a template",
  });
  const catalogue = await loadCatalogue(dir);
  assert.deepEqual(
    catalogue.list().map(({ file }) => file),
    ["configs/gcp/cost/a.yml", "configs/gcp/cost/b.yml"],
  );
  assert.equal(catalogue.find("gcp", "cost", "a")?.name, "a");
  assert.equal(catalogue.find("aws", "usage", "bad"), undefined);
  assert.deepEqual(
    catalogue.faults.map(({ file, line }) => `${file}:${line}`),
    ["configs/aws/usage/bad.yml:2", "configs/aws/usage/bad.yml:3"],
  );
  assert.deepEqual(catalogue.faultsOf("aws", "usage", "bad"), catalogue.faults);
  assert.deepEqual(catalogue.faultsOf("gcp", "cost", "a"), []);
  const [fault] = catalogue.faults;
  assert.ok(fault);
  assert.match(
    showFault(fault),
    /^configs\/aws\/usage\/bad\.yml:2:25: steps\[0\]\.type: there is no step type nope/,
  );
});

test("no name reaches a file outside", async (t) => {
  const dir = await folder(t, { "gcp/cost/a.yml": GOOD, "metadata/schemas/x.yml": GOOD });
  await writeFile(join(dir, "..", "secret.yml"), GOOD);
  const catalogue = await loadCatalogue(dir);
  for (const [provider, domain, name] of [
    ["..", "..", "secret"],
    ["gcp", "cost", "../cost/a"],
    ["gcp", "cost/../cost", "a"],
    ["gcp/cost", "a", ""],
    ["gcp", "cost", "a.yml"],
    ["GCP", "cost", "a"],
    ["metadata", "schemas", "x"],
    ["__proto__", "constructor", "toString"],
  ] as const) {
    assert.equal(catalogue.find(provider, domain, name), undefined, name);
  }
});

test("files that are not read are told of", async (t) => {
  const dir = await folder(t, {
    "gcp/cost/a.yaml": GOOD,
    "gcp/cost/a b.yml": GOOD,
    "gcp/b.yml": GOOD,
    "c.yml": GOOD,
    "g c p/cost/d.yml": GOOD,
    "gcp/cost/big.yml": `# ${"x".repeat(1_100_000)}\n${GOOD}`,
  });
  const catalogue = await loadCatalogue(dir);
  assert.deepEqual(catalogue.list(), []);
  assert.deepEqual(
    catalogue.faults.map(({ file }) => file),
    [
      "configs/c.yml",
      "configs/g c p",
      "configs/gcp/b.yml",
      "configs/gcp/cost/a b.yml",
      "configs/gcp/cost/a.yaml",
      "configs/gcp/cost/big.yml",
    ],
  );
});

test("a mounted folder's links are followed", async (t) => {
  const dir = await folder(t, { "..data/cost/a.yml": GOOD });
  await symlink("..data", join(dir, "gcp"));
  const catalogue = await loadCatalogue(dir);
  assert.ok(catalogue.find("gcp", "cost", "a"));
});

test("a copy of a file has the same config version, a changed one another", async (t) => {
  const dir = await folder(t, { "gcp/cost/a.yml": GOOD });
  await cp(join(dir, "gcp", "cost", "a.yml"), join(dir, "gcp", "cost", "b.yml"));
  await writeFile(join(dir, "gcp", "cost", "c.yml"), `${GOOD}#\n`);
  const versions = (await loadCatalogue(dir)).list().map(({ configVersion }) => configVersion);
  assert.equal(versions[0], versions[1]);
  assert.notEqual(versions[0], versions[2]);
});
