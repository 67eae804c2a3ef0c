import { Prng } from "../world/prng.ts";
import { makeFaults } from "./make-faults.ts";
import type { Command, Plan, SlotName } from "./plan.ts";

/** Commands are given within so many milliseconds. */
const BUSY_MS = 40_000;
/** No fault begins later. */
const FAULTS_MS = 45_000;
/** The longest that a fault lasts is over by then. */
export const FAULTS_END_MS = 70_000;

const NAMES = ["Acme", "bolt_co", "Cedar99", "delta_x", "Echo_Labs", "foxtrot", "GULF", "hotel_7", "india"];
const TEMPLATES = [
  "noop",
  "noop",
  "append",
  "append",
  "append2",
  "overwrite",
  "carry_on",
  "graph",
  "graph_stop",
  "narrow",
  "narrow_skip",
  "stop",
  "dated",
  "no_such",
];

/** Makes a seed's plan. The same seed gives the same plan. */
export function makePlan(seed: number): Plan {
  const prng = new Prng(`plan/${seed}`);
  const slots = makeSlots(prng);
  const partitions = prng.int(2, 3);
  const tenants = NAMES.slice(0, prng.int(4, 7));
  const ends = new Prng(`ends/${seed}`);
  const commands = tenants.flatMap((tenant) => [
    ...tenantCommands(tenant, prng),
    ...endings(tenant, ends),
    ...planned(tenant, new Prng(`planned/${seed}/${tenant}`)),
  ]);
  return {
    seed,
    slots,
    partitions,
    commands: commands.sort((a, b) => a.at - b.at),
    faults: makeFaults(
      slots.map(({ name }) => name),
      partitions,
      FAULTS_MS,
      new Prng(`faults/${seed}`),
    ),
    faultsEnd: FAULTS_END_MS,
    restartAtRest: prng.chance(0.3),
  };
}

function makeSlots(prng: Prng): Plan["slots"] {
  const names: SlotName[] = ["pipeline-1", "pipeline-2", "runner-1", "runner-2", "tenant-1", "gateway-1"];
  if (prng.chance(0.6)) names.push("tenant-2");
  if (prng.chance(0.6)) names.push("gateway-2");
  return names.map((name) => ({ name, skewMs: prng.chance(0.3) ? prng.int(-1_500, 1_500) : 0 }));
}

function tenantCommands(tenant: string, prng: Prng): Command[] {
  const commands: Command[] = onboardings(tenant, prng);
  const idempotent = new Prng(`idempotent/${tenant}/${prng.int(0, 2 ** 30)}`);
  const busy = prng.chance(0.3) ? 1.6 : 1;
  for (let i = prng.int(10, 17) * busy; i > 0; i--) commands.push(runCommand(tenant, idempotent));
  for (let i = prng.int(0, 3); i > 0; i--) {
    commands.push({
      kind: "issue",
      at: prng.int(3_000, BUSY_MS),
      tenant,
      expiresInMs: prng.chance(0.25) ? prng.int(5_000, 20_000) : null,
      idempotencyKey: prng.chance(0.5) ? `issue-${prng.int(1, 2)}` : null,
    });
  }
  for (let i = prng.int(0, 2); i > 0; i--) {
    const at = prng.int(6_000, BUSY_MS);
    commands.push({ kind: "revoke", at, tenant, which: prng.int(0, 5) });
    commands.push({ kind: "probe", at: at + prng.int(500, 8_000), tenant });
  }
  commands.push(...rotations(tenant, new Prng(`rotate/${tenant}/${commands.map(({ at }) => at).join()}`)));
  for (let i = prng.int(1, 2); i > 0; i--)
    commands.push({ kind: "look", at: prng.int(4_000, BUSY_MS), tenant });
  return commands;
}

function rotations(tenant: string, prng: Prng): Command[] {
  return Array.from({ length: prng.int(0, 2) }, () => ({
    kind: "rotate",
    at: prng.int(4_000, BUSY_MS),
    tenant,
    which: prng.int(0, 5),
    graceSeconds: prng.int(1, 20),
    idempotencyKey: prng.chance(0.5) ? "rotate" : null,
  }));
}

/** Cancels, mostly of a run that was just asked for, and retries. */
function endings(tenant: string, prng: Prng): Command[] {
  return Array.from({ length: prng.int(0, 4) }, (): Command => {
    const kind = prng.chance(0.6) ? "cancel" : "retry";
    const idempotencyKey = kind === "retry" && prng.chance(0.5) ? `again-${prng.int(1, 2)}` : null;
    return { kind, at: prng.int(5_000, BUSY_MS), tenant, back: prng.int(0, 3), idempotencyKey };
  });
}

/**
 * Schedules whose only slot of the year, 08:01 UTC, comes half a minute after the seed's start, in zones that tell it
 * otherwise; and backfills. A schedule is deleted well before its slot: one that is set anew behind it has none.
 */
function planned(tenant: string, prng: Prng): Command[] {
  const commands: Command[] = [];
  const when = { UTC: "1 8", "Europe/Berlin": "1 9", "Asia/Kolkata": "31 13" };
  for (const name of ["daily", "weekly"].slice(0, prng.int(0, 2))) {
    const [timezone, time] = prng.pick(Object.entries(when));
    const template = prng.pick(["noop", "append", "narrow_skip", "dated", "stop"]);
    const body: Record<string, string> = template === "dated" ? { date: "2025-11-19" } : {};
    const set = {
      kind: "schedule",
      tenant,
      name,
      template,
      body,
      cron: `${time} 20 11 *`,
      timezone,
    } as const;
    commands.push({ ...set, at: prng.int(3_000, 20_000) });
    if (prng.chance(0.3)) commands.push({ ...set, at: prng.int(10_000, BUSY_MS) });
    if (prng.chance(0.2)) commands.push({ kind: "unschedule", at: prng.int(5_000, 15_000), tenant, name });
  }
  if (prng.chance(0.6)) {
    const to = `2025-10-${String(prng.int(1, 12)).padStart(2, "0")}`;
    const idempotencyKey = prng.chance(0.5) ? "backfill" : null;
    const range = { from: "2025-10-01", to, max: prng.int(1, 3) };
    const at = prng.int(5_000, BUSY_MS);
    const start = { kind: "backfill", tenant, template: "dated", ...range, idempotencyKey } as const;
    commands.push({ ...start, at });
    if (idempotencyKey !== null && prng.chance(0.5)) commands.push({ ...start, at: at + prng.int(0, 9_000) });
    if (prng.chance(0.4)) commands.push({ kind: "cancel backfill", at: at + prng.int(500, 6_000), tenant });
  }
  return commands;
}

/** The first one, perhaps repeated before its key is delivered, and perhaps again later. */
function onboardings(tenant: string, prng: Prng): Command[] {
  const at = prng.int(200, 6_000);
  const idempotencyKey = prng.chance(0.5) ? "onboard" : null;
  const first: Command = {
    kind: "onboard",
    at,
    tenant,
    force: "none",
    idempotencyKey,
    loseAnswer: prng.chance(0.2),
  };
  const commands: Command[] = [first];
  if (prng.chance(0.25)) commands.push({ ...first, at: at + prng.int(0, 800) });
  if (prng.chance(0.25)) commands.push({ ...first, at: at + prng.int(2_000, 20_000), loseAnswer: false });
  if (prng.chance(0.3)) {
    const force = prng.pick(["tables", "dataset"] as const);
    commands.push({
      ...first,
      at: prng.int(10_000, BUSY_MS),
      force,
      idempotencyKey: null,
      loseAnswer: prng.chance(0.2),
    });
  }
  if (prng.chance(0.2)) {
    commands.push({ ...first, at: at + prng.int(-200, 5_000), tenant: twin(tenant), idempotencyKey: null });
  }
  return commands;
}

function twin(name: string): string {
  return name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
}

function runCommand(tenant: string, prng: Prng): Command {
  const template = prng.pick(TEMPLATES);
  const repeated = prng.chance(0.35);
  const body: Record<string, string | number> = {};
  // A body may differ under the same key: that is a client's fault, and must be told so.
  if (repeated && prng.chance(0.3)) body.note = prng.int(1, 2);
  if (template === "dated" && prng.chance(0.7)) body.date = `2025-11-${prng.int(10, 28)}`;
  return {
    kind: "run",
    at: prng.int(1_000, BUSY_MS),
    tenant,
    template,
    body,
    idempotencyKey: repeated ? `run-${template}-${prng.int(1, 2)}` : null,
    follow: prng.chance(0.15),
  };
}
