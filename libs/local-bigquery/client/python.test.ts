import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { pythonOrReason } from "@convergence/runtime/testing/python.ts";
import { isObject, parseJson } from "../json.ts";
import { startKit } from "../test-kit.ts";

const run = promisify(execFile);
const REQUIREMENTS = path.join(import.meta.dirname, "requirements.txt");

/** Runs the script against an endpoint; gives its lines. */
async function smoke(t: TestContext, python: string): Promise<{ name: string; error: string | null }[]> {
  const { server } = await startKit(t);
  const { stdout } = await run(python, [path.join(import.meta.dirname, "smoke.py"), server.url]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => {
      const step = parseJson(line);
      assert.ok(isObject(step) && typeof step.name === "string", line);
      return { name: step.name, error: typeof step.error === "string" ? step.error : null };
    });
}

describe("the Python client", () => {
  test("every step of smoke.py", async (t) => {
    const python = await pythonOrReason("The Python client", REQUIREMENTS);
    if (python === undefined) return;
    const steps = await smoke(t, python);
    assert.ok(steps.length >= 15, `${steps.length} steps`);
    for (const { name, error } of steps) await t.test(name, () => assert.equal(error, null));
  });
});
