import { spawn } from "node:child_process";
import path from "node:path";

const root = path.dirname(path.dirname(import.meta.dirname));

/** What a command printed, and its exit code. */
export interface Printed {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `cli/convergence.ts` as a process, from the project's folder, to its end. */
export function convergence(args: readonly string[], env: Record<string, string> = {}): Promise<Printed> {
  const child = spawn(process.execPath, [path.join(root, "cli", "convergence.ts"), ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    printed.stderr += text;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, ...printed })));
}
