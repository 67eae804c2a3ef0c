import { parseArgs } from "node:util";
import { plant } from "./planted/plant.ts";
import type { Outcome } from "./simulate.ts";

/*
 * npm run simulate -- --seeds N [--from S]      simulates N seeds; one line for each that fails, then its history
 * npm run simulate -- --seed S --history        replays one seed and prints all that happened
 * ... --planted NAME                            with a fault planted: see simulation/planted/faults.ts
 */
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    history: { type: "boolean", default: false },
    planted: { type: "string" },
  },
});

/** A shrunken history is printed from this many lines before its end. */
const LAST_LINES = 150;

if (values.planted !== undefined) plant(values.planted);
const { simulate } = await import("./simulate.ts");
const { makePlan } = await import("./plan/make-plan.ts");
const { shrink } = await import("./shrink.ts");
const { simulateSeeds } = await import("./pool.ts");
const { medians } = await import("./medians.ts");

process.exitCode = values.seed === undefined ? await many() : await one(whole(values.seed, "seed"));

/** One seed, in this thread. */
async function one(seed: number): Promise<number> {
  const outcome = await simulate(makePlan(seed), { history: values.history });
  for (const line of outcome.history) console.log(line);
  console.log(`seed ${seed}: ${verdict(outcome)}; hash ${outcome.hash}; ${JSON.stringify(outcome.stats)}`);
  return outcome.violations.length === 0 ? 0 : 1;
}

/** A range of seeds, on all cores. */
async function many(): Promise<number> {
  const [seeds, from] = [whole(values.seeds, "seeds"), whole(values.from, "from")];
  const began = performance.now();
  const outcomes: Outcome[] = [];
  await simulateSeeds({
    from,
    seeds,
    planted: values.planted ?? null,
    told(outcome) {
      outcomes.push(outcome);
      if (outcome.violations.length > 0) console.log(`seed ${outcome.seed}: ${verdict(outcome)}`);
      return false;
    },
  });
  const failed = outcomes.filter(({ violations }) => violations.length > 0).sort((a, b) => a.seed - b.seed);
  const seconds = (performance.now() - began) / 1_000;
  console.log(`${seeds} seeds from ${from}, ${failed.length} failed, ${seconds.toFixed(1)} s`);
  console.log(`medians: ${JSON.stringify(medians(outcomes))}`);
  if (failed[0] !== undefined) await explain(failed[0]);
  return failed.length === 0 ? 0 : 1;
}

/** Prints the least history that fails like this outcome. */
async function explain(failure: Outcome): Promise<void> {
  const { plan } = await shrink(makePlan(failure.seed), failure, (smaller) => simulate(smaller));
  const { history } = await simulate(plan, { history: true });
  console.log(
    `\nseed ${failure.seed}, made smaller: ${plan.commands.length} commands, ${plan.faults.length} faults`,
  );
  for (const command of plan.commands) console.log(`  ${JSON.stringify(command)}`);
  for (const fault of plan.faults) console.log(`  ${JSON.stringify(fault)}`);
  for (const line of history.slice(-LAST_LINES)) console.log(line);
  console.log(`the whole of it: npm run simulate -- --seed ${failure.seed} --history`);
}

function verdict({ violations }: Outcome): string {
  const [first] = violations;
  return first === undefined ? "holds" : `FAILS: ${first.split("\n").join(" ").slice(0, 300)}`;
}

/** @throws TypeError for what is no whole number. */
function whole(text: string, name: string): number {
  if (!/^\d+$/.test(text)) throw new TypeError(`--${name} is a whole number, not "${text}"`);
  return Number(text);
}
