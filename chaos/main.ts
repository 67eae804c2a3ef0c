/**
 * `npm run chaos -- [--minutes N] [--seed S] [--keep]`: the black box. Real processes, clients with a history of their own, a
 * nemesis, a checker. See README.md.
 */
import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { runChaos } from "./chaos.ts";
import { isRight, report } from "./report.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});
const minutes = Number(values.minutes);
if (!(minutes >= 1 && minutes <= 600)) {
  console.error("usage: npm run chaos -- [--minutes N] [--seed S] [--keep], N from 1 to 600");
  process.exit(2);
}
const seed = values.seed ?? String(randomInt(1_000_000));
const folder = mkdtempSync(path.join(tmpdir(), "convergence-chaos-"));
const begun = Date.now();
const note = (line: string) =>
  console.log(`${((Date.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${line}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
console.log(`chaos of ${minutes} minutes, seed ${seed}`);
const result = await runChaos({ minutes, seed, folder, note });
console.log(report(result));
const right = isRight(result);
if (right && !values.keep) rmSync(folder, { recursive: true, force: true });
else console.log(`kept in ${folder}`);
console.log(right ? "verdict: all of it holds" : `verdict: VIOLATED (seed ${seed})`);
process.exit(right ? 0 : 1);
