import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { type Clock, systemClock } from "@convergence/runtime/clock.ts";
import { type CatalogueChange, watchCatalogue } from "./live-catalogue.ts";

const GOOD = "steps: [{ step_id: a, type: noop }]\n";
const BETTER = "description: better\nsteps: [{ step_id: a, type: noop }]\n";
const BROKEN = "steps: [{ step_id: a, type: nop }]\n";

const hurried: Clock = { now: () => systemClock.now(), after: (ms, run) => systemClock.after(ms / 50, run) };

async function scene(t: TestContext, files: Record<string, string>) {
  const dir = await mkdtemp(path.join(tmpdir(), "live-"));
  const put = async (name: string, text: string) => {
    const file = path.join(dir, `${name}.yml`);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  };
  for (const [name, text] of Object.entries(files)) await put(name, text);
  const changes: CatalogueChange[] = [];
  const failures: unknown[] = [];
  const catalogue = await watchCatalogue(dir, {
    clock: hurried,
    changed: (change) => changes.push(change),
    failed: (error) => failures.push(error),
  });
  t.after(async () => {
    catalogue.stop();
    await rm(dir, { recursive: true, force: true });
  });
  return { dir, put, changes, failures, catalogue };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("never happened");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a changed, an added and a removed template are taken up, and told", async (t) => {
  const { dir, put, changes, catalogue } = await scene(t, { "gcp/cost/a": GOOD, "gcp/cost/b": GOOD });
  const before = catalogue.find("gcp", "cost", "a");
  await put("gcp/cost/a", BETTER);
  await until(() => catalogue.find("gcp", "cost", "a")?.description === "better");
  assert.notEqual(catalogue.find("gcp", "cost", "a")?.configVersion, before?.configVersion);
  assert.deepEqual(changes, [{ added: [], changed: ["gcp/cost/a"], removed: [], faults: [] }]);
  await put("aws/usage/c", GOOD);
  await until(() => changes.length === 2);
  assert.deepEqual(changes[1]?.added, ["aws/usage/c"]);
  await unlink(path.join(dir, "gcp/cost/b.yml"));
  await until(() => changes.length === 3);
  assert.deepEqual(changes[2]?.removed, ["gcp/cost/b"]);
  assert.equal(catalogue.find("gcp", "cost", "b"), undefined);
  assert.deepEqual(
    catalogue.list().map(({ name }) => name),
    ["c", "a"],
  );
});

test("an edit that breaks a template has it refused with its faults, until it is mended", async (t) => {
  const { put, changes, catalogue } = await scene(t, { "gcp/cost/a": GOOD });
  await put("gcp/cost/a", BROKEN);
  await until(() => catalogue.faults.length > 0);
  assert.equal(catalogue.find("gcp", "cost", "a"), undefined);
  const [fault] = catalogue.faultsOf("gcp", "cost", "a");
  assert.deepEqual([fault?.line, fault?.column], [1, 29]);
  assert.deepEqual(changes[0]?.faults, catalogue.faults);
  await put("gcp/cost/a", GOOD);
  await until(() => catalogue.faults.length === 0);
  assert.ok(catalogue.find("gcp", "cost", "a"));
});

test("a folder that a link switches, as Kubernetes' ConfigMaps do, is taken up whole", async (t) => {
  const { dir, changes, catalogue } = await scene(t, {});
  for (const [version, text] of [
    ["v1", GOOD],
    ["v2", BETTER],
  ]) {
    await mkdir(path.join(dir, `.${version}`));
    for (const name of ["a", "b"]) await writeFile(path.join(dir, `.${version}`, `${name}.yml`), text ?? "");
  }
  await mkdir(path.join(dir, "gcp"));
  await symlink("../.v1", path.join(dir, "gcp", "cost"));
  await until(() => catalogue.list().length === 2);
  await symlink("../.v2", path.join(dir, "gcp", "next"));
  await rename(path.join(dir, "gcp", "next"), path.join(dir, "gcp", "cost"));
  await until(() => catalogue.find("gcp", "cost", "a")?.description === "better");
  assert.equal(catalogue.find("gcp", "cost", "b")?.description, "better");
  assert.deepEqual(changes.at(-1)?.changed, ["gcp/cost/a", "gcp/cost/b"]);
});

test("where the folder goes away what was read stays in force; it is told once, and taken up when it is back", async (t) => {
  const { dir, failures, changes, catalogue, put } = await scene(t, { "gcp/cost/a": GOOD });
  await rename(dir, `${dir}-away`);
  await until(() => failures.length > 0);
  assert.ok(catalogue.find("gcp", "cost", "a"));
  await rename(`${dir}-away`, dir);
  await put("gcp/cost/a", BETTER);
  await until(() => changes.length > 0);
  assert.equal(catalogue.find("gcp", "cost", "a")?.description, "better");
  assert.equal(failures.length, 1);
});

test("once stopped it takes up nothing", async (t) => {
  const { put, changes, catalogue } = await scene(t, { "gcp/cost/a": GOOD });
  catalogue.stop();
  const another = await scene(t, {});
  await put("gcp/cost/a", BETTER);
  await another.put("gcp/cost/x", GOOD);
  await until(() => another.changes.length === 1);
  assert.deepEqual(changes, []);
});
