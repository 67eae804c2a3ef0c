import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { pythonOrReason } from "@convergence/runtime/testing/python.ts";

const run = promisify(execFile);
const root = path.dirname(import.meta.dirname);
const REQUIREMENTS = path.join(import.meta.dirname, "kubernetes-requirements.txt");
const FORMS = ["k8s/overlays/production", "k8s/embedded"];

/** What `kubectl kustomize` makes of a form; null where there is no kubectl. */
async function built(form: string): Promise<string | null> {
  try {
    return (await run("kubectl", ["kustomize", path.join(root, form)])).stdout;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

test("every manifest fits the schema of its kind in Kubernetes", async (t) => {
  const python = await pythonOrReason("The schema check of k8s/", REQUIREMENTS);
  if (python === undefined) return;
  const folder = await mkdtemp(path.join(tmpdir(), "convergence-manifests-"));
  t.after(() => rm(folder, { recursive: true }));
  const files: string[] = [];
  for (const form of FORMS) {
    const manifests = await built(form);
    if (manifests === null) break;
    files.push(path.join(folder, `${path.basename(form)}.yaml`));
    await writeFile(files.at(-1) ?? "", manifests);
  }
  // Without kubectl the files as they stand: docs/kubernetes.test.ts looks at what the overlay changes.
  if (files.length === 0) {
    const written = globSync("k8s/{base,embedded}/*.yaml", { cwd: root });
    files.push(
      ...written.filter((file) => !file.endsWith("kustomization.yaml")).map((file) => path.join(root, file)),
    );
  }
  const validate = path.join(path.dirname(python), "kubernetes-validate");
  const { stdout, stderr } = await run(validate, ["--strict", ...files]);
  const passed = `${stdout}${stderr}`.match(/passed for resource/g) ?? [];
  assert.ok(passed.length >= 20, `${passed.length} resources were checked:\n${stdout}${stderr}`);
  t.diagnostic(`${passed.length} resources, ${files.length} files`);
});
