import type { Prng } from "../world/prng.ts";
import type { Fault, SlotName } from "./plan.ts";

/** After so many milliseconds of silence a process is counted out of its groups: shorter than in production. */
export const SESSION_MS = 6_000;

/** Effects after which, or before which, it is most telling to die or freeze; "" is any. */
const TELLING: Record<string, readonly string[]> = {
  gateway: ["", "append", "append tenant.commands", "append run.commands"],
  tenant: [
    "",
    "append tenant.events",
    "append api-keys",
    "append tenants",
    "append tenant.replies",
    "append run.commands",
    "guard",
    "submitMerge",
    "createTable",
    "submitDrop",
  ],
  pipeline: ["", "append run.events", "append run.snapshots", "append step.tasks", "guard", "ask end"],
  runner: ["", "submitQuery", "submitMerge", "waitForJob", "append step.results", "getTable", "dryRun"],
};

const POISONED = ["run.commands", "tenant.commands", "step.results", "step.tasks", "run.events"];

/** A seed's faults, in order of time: all begin before `untilMs`. */
export function makeFaults(
  slots: readonly SlotName[],
  partitions: number,
  untilMs: number,
  prng: Prng,
): Fault[] {
  const faults: Fault[] = [];
  const count = prng.int(10, 18);
  for (let i = 0; i < count; i++) faults.push(makeFault(slots, partitions, untilMs, prng));
  if (prng.chance(0.4)) faults.push(...dyingWords(prng.pick(["pipeline-1", "tenant-1"]), untilMs, prng));
  return faults.sort((a, b) => a.at - b.at);
}

/** A writer that can append nothing for a while, and then dies: what it had decided must not be lost. */
function dyingWords(slot: SlotName, untilMs: number, prng: Prng): Fault[] {
  const at = prng.int(2_000, untilMs);
  const forMs = prng.int(300, 1_200);
  const dies = { effect: "append", nth: 1, side: "before", downMs: prng.int(50, 5_000) } as const;
  return [
    { kind: "append", at, slot, forMs, rate: 1, outcome: "fail" },
    { kind: "crash", at: at + forMs - 100, slot, ...dies },
  ];
}

/** Short, past the session, or so that it thaws just as its successor begins. */
function freezeMs(prng: Prng): number {
  const roll = prng.fraction();
  if (roll < 0.3) return prng.int(100, 5_000);
  if (roll < 0.55) return SESSION_MS + prng.int(0, 40);
  return SESSION_MS + (roll < 0.75 ? prng.int(40, 1_500) : prng.int(100, 10_000));
}

function makeFault(slots: readonly SlotName[], partitions: number, untilMs: number, prng: Prng): Fault {
  const at = prng.int(500, untilMs);
  const slot = prng.pick(slots);
  const [role = ""] = slot.split("-");
  const forMs = prng.int(500, 9_000);
  const effect = prng.chance(0.5) ? "" : prng.pick(TELLING[role] ?? [""]);
  const nth = prng.int(1, effect === "" ? 12 : 3);
  const downMs = prng.int(50, 9_000);
  const roll = prng.fraction();
  if (roll < 0.22) {
    return { kind: "crash", at, slot, effect, nth, side: prng.pick(["before", "after"]), downMs };
  }
  if (roll < 0.4) {
    return { kind: "freeze", at, slot, effect, nth, forMs: freezeMs(prng) };
  }
  if (roll < 0.42) {
    // What ends runs and destroys data must never come late.
    const effect = prng.pick(["submitDrop", "CancelOpenRuns"]);
    return { kind: "freeze", at: 500, slot: "tenant-1", effect, nth: 1, forMs: freezeMs(prng) };
  }
  if (roll < 0.46) return { kind: "restart", at, slot, downMs: prng.int(50, 3_000) };
  if (roll < 0.48) return { kind: "lose views", at, slot: "gateway-1", downMs };
  if (roll < 0.61) {
    const outcome = prng.pick(["fail", "fail-but-stored", "store-twice"] as const);
    return { kind: "append", at, slot, forMs, rate: prng.pick([0.2, 0.6]), outcome };
  }
  if (roll < 0.66) return { kind: "cut off", at, slot, forMs };
  if (roll < 0.73) {
    const where = prng.chance(0.2) ? "all" : slot;
    return { kind: "late deliveries", at, slot: where, forMs, maxMs: prng.pick([50, 500, 2_000]) };
  }
  if (roll < 0.77) return { kind: "slow appends", at, slot, forMs, maxMs: prng.pick([30, 300, 1_500]) };
  if (roll < 0.89) {
    const outcome = prng.pick(["fail", "unknown", "lost", "job-fails", "job-fails"] as const);
    const where = prng.chance(0.3) ? "all" : prng.pick(slots.filter((name) => /^(runner|tenant)/.test(name)));
    return { kind: "warehouse", at, slot: where, forMs, rate: prng.pick([0.2, 0.5]), outcome };
  }
  if (roll < 0.94) {
    return { kind: "slow warehouse", at, forMs, callMs: prng.int(10, 1_500), jobMs: prng.int(500, 12_000) };
  }
  return { kind: "poison", at, topic: prng.pick(POISONED), partition: prng.int(0, partitions - 1) };
}
