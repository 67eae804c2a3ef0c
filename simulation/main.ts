import { parseArgs } from "node:util";
import { makePlan } from "./plan/make-plan.ts";
import { simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    history: { type: "boolean", default: false },
  },
});
const from = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
const began = performance.now();
for (let seed = from; seed < from + count; seed++) {
  const t = performance.now();
  const outcome = await simulate(makePlan(seed), { history: values.history });
  for (const line of outcome.history) console.log(line);
  console.log(seed, outcome.hash, Math.round(performance.now() - t), "ms", JSON.stringify(outcome.stats));
  for (const line of outcome.violations.slice(0, 3)) console.log("   VIOLATION", line.slice(0, 1500));
}
console.log((performance.now() - began) / count, "ms a seed");
