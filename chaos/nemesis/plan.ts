import { Prng } from "../../simulation/world/prng.ts";

export const FAULT_KINDS = ["kill", "pause", "outage", "poison", "storm", "warehouse", "skew"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export const SERVICES = ["gateway", "tenant-service", "pipeline-service", "step-runner"] as const;
export type Service = (typeof SERVICES)[number];
/** Those that work as members of a group. */
type Member = Extract<Service, "pipeline-service" | "step-runner">;

/** Topics that a consumer reads by group: what it cannot read goes to the dead letters. */
export const POISONED = [
  "tenant.commands",
  "run.commands",
  "run.events",
  "step.tasks",
  "step.results",
] as const;
/** In how many ways a record can be unreadable: see poison.ts. */
export const POISON_SHAPES = 5;

/** Records of one poisoning. */
const POISON_RECORDS = 3;
/** Partitions of every topic (the default of KAFKA_PARTITIONS). */
export const PARTITIONS = 12;

export type Fault =
  /** kill -9 of one instance; its supervisor starts it again. */
  | { kind: "kill"; service: Service; instance: number }
  /** SIGSTOP for at least so long, and until the group has counted it out; then SIGCONT. */
  | { kind: "pause"; service: Member; instance: number; ms: number }
  /** The broker stopped for so long, then started on the same data. */
  | { kind: "outage"; ms: number }
  | { kind: "poison"; records: { topic: (typeof POISONED)[number]; partition: number; shape: number }[] }
  /** So many further instances join and leave, one after another, half of them by kill -9. */
  | { kind: "storm"; service: Member; joins: number }
  /** Requests to the warehouse are slow, cut off before or after they are done, or answered 503. */
  | { kind: "warehouse"; mode: "slow" | "cut" | "refuse"; ms: number }
  /** An instance restarted with its clock shifted, and after so long restarted with the right one. */
  | { kind: "skew"; service: Service; instance: number; shiftMs: number; ms: number };

/** A fault, and when to begin it, in milliseconds from the load's start; it waits for those that exclude it. */
export type Planned = Fault & { at: number };

const FIRST_MS = 5_000;
const QUIET_BEFORE_OUTAGE_MS = 4_000;
const QUIET_AFTER_OUTAGE_MS = 6_000;

/**
 * What the nemesis will do in so many minutes of load; the same for the same seed. All seven kinds come before any
 * comes again; an outage comes once in five minutes, alone.
 */
export function planFaults(seed: string, minutes: number): Planned[] {
  const prng = new Prng(`chaos/${seed}`);
  const make = makers(prng, minutes);
  const end = minutes * 60_000;
  const outages = Math.max(1, Math.round(minutes / 5));
  const planned: Planned[] = [];
  let deck: FaultKind[] = [];
  let at = FIRST_MS;
  while (at < end - 8_000) {
    if (deck.length === 0) {
      const had = planned.filter(({ kind }) => kind === "outage").length;
      const isDue = had <= Math.floor((at * outages) / end);
      deck = shuffled(prng, FAULT_KINDS).filter((kind) => kind !== "outage" || isDue);
    }
    const kind = deck.shift();
    if (kind === undefined) break;
    if (kind === "outage") at += QUIET_BEFORE_OUTAGE_MS;
    const fault = make(kind);
    planned.push({ ...fault, at });
    at += fault.kind === "outage" ? fault.ms + QUIET_AFTER_OUTAGE_MS : gapMs(prng, minutes);
  }
  return planned;
}

/** Tighter where there is little time: seven kinds must fit into two minutes. */
function gapMs(prng: Prng, minutes: number): number {
  return minutes < 5 ? prng.int(6_000, 10_000) : prng.int(7_000, 14_000);
}

function makers(prng: Prng, minutes: number): (kind: FaultKind) => Fault {
  const killed = dealer(prng, SERVICES);
  const paused = dealer(prng, ["pipeline-service", "step-runner"] as const);
  const stormed = dealer(prng, ["pipeline-service", "step-runner"] as const);
  const skewed = dealer(prng, SERVICES);
  const modes = dealer(prng, ["slow", "cut", "refuse"] as const);
  const poisoned = dealer(prng, POISONED);
  const instance = () => prng.int(0, 5);
  const poison = () => ({
    topic: poisoned(),
    partition: prng.int(0, PARTITIONS - 1),
    shape: prng.int(0, POISON_SHAPES - 1),
  });
  return (kind) => {
    switch (kind) {
      case "kill":
        return { kind, service: killed(), instance: instance() };
      case "pause":
        return { kind, service: paused(), instance: instance(), ms: prng.int(8_000, 11_000) };
      case "outage":
        return { kind, ms: minutes < 5 ? 12_000 : 30_000 };
      case "poison":
        return { kind, records: Array.from({ length: POISON_RECORDS }, poison) };
      case "storm":
        return { kind, service: stormed(), joins: minutes < 5 ? 3 : prng.int(3, 5) };
      case "warehouse":
        return { kind, mode: modes(), ms: prng.int(8_000, 15_000) };
      case "skew": {
        const shiftMs = prng.chance(0.5) ? 20_000 : -20_000;
        return { kind, service: skewed(), instance: instance(), shiftMs, ms: prng.int(12_000, 25_000) };
      }
    }
  };
}

/** Gives each of `all` once, in a random order, before any again. */
function dealer<T>(prng: Prng, all: readonly T[]): () => T {
  let deck: T[] = [];
  return () => {
    if (deck.length === 0) deck = shuffled(prng, all);
    const next = deck.shift();
    if (next === undefined) throw new RangeError("nothing to deal");
    return next;
  };
}

function shuffled<T>(prng: Prng, all: readonly T[]): T[] {
  return all
    .map((value) => ({ value, place: prng.fraction() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value);
}
