/** The black box's short form: two minutes of load and faults, all seven kinds, then everything is judged. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { runChaos } from "./chaos.ts";
import { FAULT_KINDS } from "./nemesis/plan.ts";
import { isRight, report } from "./report.ts";

/** Its plan touches every service: kills both pipeline-service and step-runner, freezes both, storms both. */
const SEED = "39";

test("two minutes of faults of seven kinds lose, double and falsify nothing", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "convergence-chaos-"));
  const lines: string[] = [];
  const result = await runChaos({ minutes: 2, seed: SEED, folder, note: (line) => lines.push(line) });
  const told = `${lines.join("\n")}\n${report(result)}\nkept in ${folder} (npm run chaos -- --minutes 2 --seed ${SEED})`;
  assert.ok(isRight(result), told);
  assert.deepEqual(Object.keys(result.strikes).sort(), [...FAULT_KINDS].sort(), told);
  assert.ok(Object.values(result.runs).reduce((a, b) => a + b, 0) > 1_000, told);
  await rm(folder, { recursive: true });
});
