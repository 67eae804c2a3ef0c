import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { before, describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { isObject, parseJson } from "../json.ts";
import { startKit } from "../test-kit.ts";

const run = promisify(execFile);
const REQUIREMENTS = path.join(import.meta.dirname, "requirements.txt");
const CACHE = path.join(import.meta.dirname, "../../../node_modules/.cache");

/** The Python of a virtual environment with the client in it: made once, for these requirements. */
async function pythonWithClient(): Promise<string> {
  const { stdout: version } = await run("python3", ["--version"]);
  const key = createHash("sha256").update(version).update(readFileSync(REQUIREMENTS)).digest("hex");
  const folder = path.join(CACHE, `bigquery-python-${key.slice(0, 12)}`);
  const python = path.join(folder, "bin", "python");
  if (existsSync(path.join(folder, "complete"))) return python;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  await run("python3", ["-m", "venv", folder]);
  await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]);
  mkdirSync(path.join(folder, "complete.part"));
  renameSync(path.join(folder, "complete.part"), path.join(folder, "complete"));
  return python;
}

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
  let python: string | undefined;
  let why = "";
  before(async () => {
    try {
      python = await pythonWithClient();
    } catch (error) {
      why = String(error instanceof Error ? error.message : error)
        .split("\n")
        .slice(0, 1)
        .join("");
    }
  });

  test("every step of smoke.py", async (t) => {
    if (python === undefined) {
      assert.notEqual(process.env.CI, "true", `the Python client is required in CI: ${why}`);
      console.error(`The Python client is not run here: it needs python3 with venv, and PyPI (${why})`);
      return;
    }
    const steps = await smoke(t, python);
    assert.ok(steps.length >= 15, `${steps.length} steps`);
    for (const { name, error } of steps) await t.test(name, () => assert.equal(error, null));
  });
});
