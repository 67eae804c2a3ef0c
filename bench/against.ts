import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { percentile } from "./client.ts";
import { type EngineFigures, measureEngine } from "./engine.ts";

const ROUNDS = 5;
const root = path.dirname(import.meta.dirname);

/** What is compared, and whether more of it is better. */
const FIGURES: readonly { name: keyof EngineFigures; what: string; more: boolean }[] = [
  { name: "run", what: "one client's run, ms", more: false },
  { name: "graph", what: "a graph of 10 steps, ms", more: false },
  { name: "load", what: "64 clients, runs/s", more: true },
  { name: "queue", what: "10,000 queued runs, runs/s", more: true },
];

/**
 * `npm run bench -- against REF`: this checkout and the one of a commit or tag in turn, five times each; medians, and
 * by how much this one is slower. Ends with code 1 where that is more than a tenth.
 */
export async function benchAgainst(): Promise<void> {
  const ref = process.argv[3];
  if (ref === undefined) throw new Error("usage: npm run bench -- against REF");
  const other = path.join(await mkdtemp(path.join(tmpdir(), "convergence-against-")), "checkout");
  command("git", ["worktree", "add", "--detach", other, ref], root);
  try {
    command("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], other);
    const before: EngineFigures[] = [];
    const now: EngineFigures[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      before.push(await measureEngine(other));
      now.push(await measureEngine());
      console.log(`round ${round} of ${ROUNDS} is done`);
    }
    if (!compare(ref, before, now)) process.exitCode = 1;
  } finally {
    command("git", ["worktree", "remove", "--force", other], root);
    await rm(path.dirname(other), { recursive: true, force: true });
  }
}

/** Prints the medians. Returns whether none is worse by more than a tenth. */
function compare(ref: string, before: EngineFigures[], now: EngineFigures[]): boolean {
  let good = true;
  for (const { name, what, more } of FIGURES) {
    const then = percentile(
      before.map((figures) => figures[name]),
      0.5,
    );
    const today = percentile(
      now.map((figures) => figures[name]),
      0.5,
    );
    const slower = more ? then / today : today / then;
    good &&= slower <= 1.1;
    console.log(
      `${what}: ${then.toFixed(2)} at ${ref}, ${today.toFixed(2)} now; ratio ${slower.toFixed(2)} (above 1: slower; aim: at most 1.10)`,
    );
  }
  return good;
}

function command(program: string, args: string[], cwd: string): void {
  const { status } = spawnSync(program, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}`);
}
