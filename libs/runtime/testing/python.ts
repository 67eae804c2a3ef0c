import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const CACHE = path.join(import.meta.dirname, "../../../node_modules/.cache");

/**
 * The Python of a virtual environment with what a requirements file names in it: made once for the same file and Python.
 * @throws Error where there is no python3 with venv, or the packages cannot be had
 */
export async function pythonWith(requirements: string): Promise<string> {
  const { stdout: version } = await run("python3", ["--version"]);
  const key = createHash("sha256").update(version).update(readFileSync(requirements)).digest("hex");
  const folder = path.join(CACHE, `python-${key.slice(0, 12)}`);
  const python = path.join(folder, "bin", "python");
  if (existsSync(path.join(folder, "complete"))) return python;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  await run("python3", ["-m", "venv", folder]);
  await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]);
  mkdirSync(path.join(folder, "complete.part"));
  renameSync(path.join(folder, "complete.part"), path.join(folder, "complete"));
  return python;
}

/**
 * The same, or undefined where it cannot be had; then `what` is told to be left out, and in CI that is a failure.
 * @throws Error in CI (CI=true)
 */
export async function pythonOrReason(what: string, requirements: string): Promise<string | undefined> {
  try {
    return await pythonWith(requirements);
  } catch (error) {
    const [why = ""] = String(error instanceof Error ? error.message : error).split("\n");
    if (process.env.CI === "true") throw new Error(`${what} is required in CI: ${why}`, { cause: error });
    console.error(`${what} is not run here: it needs python3 with venv, and PyPI (${why})`);
    return undefined;
  }
}
