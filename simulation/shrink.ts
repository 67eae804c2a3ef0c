import type { Plan } from "./plan/plan.ts";
import type { Outcome } from "./simulate.ts";

/** At most so many simulations to make a plan smaller: a bound that is the same on every machine. */
const MOST_TRIALS = 120;

/**
 * Makes a failing plan smaller while it fails in the same way: first without faults, then without commands, in
 * chunks that halve. The same plan always gives the same result.
 */
export async function shrink(
  plan: Plan,
  failure: Outcome,
  simulate: (plan: Plan) => Promise<Outcome>,
): Promise<{ plan: Plan; outcome: Outcome }> {
  const wanted = kindOf(failure);
  let best = { plan, outcome: failure };
  let trials = 0;
  const attempt = async (candidate: Plan): Promise<boolean> => {
    if (trials >= MOST_TRIALS) return false;
    trials += 1;
    const outcome = await simulate(candidate);
    if (kindOf(outcome) !== wanted) return false;
    best = { plan: candidate, outcome };
    return true;
  };
  await attempt({ ...plan, restartAtRest: false });
  await drop(
    () => best.plan.faults,
    (faults) => attempt({ ...best.plan, faults }),
  );
  await drop(
    () => best.plan.commands,
    (commands) => attempt({ ...best.plan, commands }),
  );
  return best;
}

/** Drops items in chunks: halves first, single ones last. */
async function drop<T>(items: () => T[], attempt: (fewer: T[]) => Promise<boolean>): Promise<void> {
  for (let size = Math.ceil(items().length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < items().length; ) {
      const now = items();
      const dropped = await attempt([...now.slice(0, from), ...now.slice(from + size)]);
      if (!dropped) from += size;
    }
  }
}

/** A failure's first violation, without what differs between two runs of a like plan. */
function kindOf({ violations }: Outcome): string {
  const [first = ""] = violations;
  return (first.split("\n")[0] ?? "")
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+/g, "#")
    .slice(0, 60);
}
