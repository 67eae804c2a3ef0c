import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { BusRecord } from "@convergence/bus/port.ts";
import { readable } from "../simulation/oracle/readable.ts";
import { Prng } from "../simulation/world/prng.ts";
import { check, type Finding } from "./checker/check.ts";
import type { Evidence } from "./checker/evidence.ts";
import { hex } from "./checker/log.ts";
import { Clients } from "./clients/clients.ts";
import { Load } from "./clients/load.ts";
import { collectKeys, collectLog, collectView, collectWarehouse, nothingOpen } from "./collect.ts";
import { Nemesis } from "./nemesis/nemesis.ts";
import { type FaultKind, type Planned, planFaults } from "./nemesis/plan.ts";
import { System } from "./system/system.ts";
import { pause, until } from "./until.ts";

const TENANTS = 10;
/** Within this time after the last fault every request has its answer, and no run is open: milliseconds. */
const ANSWERED_MS = 300_000;
const OVER_MS = 300_000;
/** Within this time thereafter everything agrees. */
const AGREED_MS = 90_000;

export interface ChaosOptions {
  /** Of load and faults; starting, resting and checking come on top. */
  minutes: number;
  seed: string;
  /** Where everything is kept: data, what processes print, history, evidence. */
  folder: string;
  /** Hears what goes on, a line at a time. */
  note(line: string): void;
}

export interface ChaosResult {
  findings: Finding[];
  /** What did not come to rest in time, faults that did not strike: nothing is proved then. */
  troubles: string[];
  /** Processes that ended by themselves: allowed, but worth a look. */
  crashes: string[];
  runs: Record<string, number>;
  requests: { asked: number; unanswered: number; refused: number };
  strikes: Partial<Record<FaultKind, number>>;
  /** From the last fault to agreement, milliseconds. */
  restMs: number;
}

/** Starts the platform, lets clients and nemesis loose on it, heals it, waits until it is quiet, and judges. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, minutes, folder, note } = options;
  mkdirSync(folder, { recursive: true });
  const plan = planFaults(seed, minutes);
  note(`${plan.length} faults planned; starting a broker, a local BigQuery and the services in ${folder}`);
  const system = await System.start(folder, seed);
  try {
    return await onSystem(system, plan, options);
  } finally {
    await system.close();
  }
}

async function onSystem(
  system: System,
  plan: readonly Planned[],
  options: ChaosOptions,
): Promise<ChaosResult> {
  const { seed, minutes, folder, note } = options;
  const prng = new Prng(`chaos/clients/${seed}`);
  const { adminKey } = system.cluster;
  const clients = new Clients({ gateways: system.gateways, adminKey, prng });
  for (let n = 1; n <= TENANTS; n += 1) await clients.onboard(`chaos_${n}`, n === TENANTS);
  note(`${TENANTS} tenants are onboarded; the load begins`);

  const stage = { system, clients, poison: [], outages: [] };
  const nemesis = new Nemesis(stage, note);
  const load = new Load(clients, new Prng(`chaos/load/${seed}`));
  const loading = load.run();
  await Promise.all([nemesis.run(plan), pause(minutes * 60_000)]);
  load.stop();
  await loading;
  note(`the load is over: ${clients.operations.length} operations, ${clients.open} not answered yet`);

  const troubles = [...nemesis.misses];
  const rested = performance.now();
  await rest(system, clients, troubles);
  const collect = async (): Promise<Evidence> => ({
    operations: clients.operations,
    log: await collectLog(system.broker.address),
    poison: stage.poison,
    views: await Promise.all(system.gateways.map((gateway) => collectView(gateway, clients.tenants))),
    warehouse: await collectWarehouse(system.cluster.bigQueryUrl, clients.tenants),
    keys: await collectKeys(clients, system.gateways),
    outages: stage.outages,
    strikes: nemesis.strikes,
    planned: countBy(plan, ({ kind }) => kind),
  });
  const { evidence, result } = await agree(collect);
  const restMs = Math.round(performance.now() - rested);
  keep(folder, evidence, result.findings);
  return {
    ...summary(evidence, result),
    findings: result.findings,
    troubles,
    crashes: crashes(system),
    restMs,
  };
}

/** Waits until everything is ready, answered and over. */
async function rest(system: System, clients: Clients, troubles: string[]): Promise<void> {
  const within = async (what: string, condition: () => boolean | Promise<boolean>, ms: number) => {
    await until(what, condition, ms).catch((error: unknown) => troubles.push(String(error)));
  };
  await system.ready();
  await within("every request is answered", () => clients.open === 0, ANSWERED_MS);
  await clients.giveUp();
  await within("no run is open", () => nothingOpen(system.gateways, clients.tenants), OVER_MS);
}

/** Collects and judges until all agrees, or the time is over: what is wrong then is wrong. */
async function agree(collect: () => Promise<Evidence>) {
  const deadline = performance.now() + AGREED_MS;
  for (;;) {
    const evidence = await collect();
    const result = check(evidence);
    const isRight = result.findings.every(({ violations }) => violations.length === 0);
    if (isRight || performance.now() > deadline) return { evidence, result };
    await pause(2_000);
  }
}

function summary(evidence: Evidence, { log }: ReturnType<typeof check>) {
  const exchanges = evidence.operations.flatMap((operation) => operation.exchanges);
  return {
    runs: countBy([...log.runs.byId.values()], ({ status }) => status),
    requests: {
      asked: exchanges.length,
      unanswered: exchanges.filter(({ status }) => status === null).length,
      refused: exchanges.filter(({ status }) => status === 503).length,
    },
    strikes: countBy(evidence.strikes, ({ kind }) => kind),
  };
}

function crashes(system: System): string[] {
  return system.instances.flatMap((instance) => instance.crashes);
}

function countBy<T, K extends string>(all: readonly T[], of: (one: T) => K): Record<K, number> {
  const counts: Partial<Record<K, number>> = {};
  for (const one of all) counts[of(one)] = (counts[of(one)] ?? 0) + 1;
  return Object.assign(Object.create(null), counts);
}

/** Everything that the judgement rests on, as JSON lines: keys are there by their ids alone. */
function keep(folder: string, evidence: Evidence, findings: readonly Finding[]): void {
  const lines = (name: string, all: readonly unknown[]) =>
    writeFileSync(path.join(folder, `${name}.ndjson`), all.map((one) => `${JSON.stringify(one)}\n`).join(""));
  lines("findings", findings);
  lines("strikes", evidence.strikes);
  lines("history", evidence.operations);
  lines("poison", evidence.poison);
  lines("outages", evidence.outages);
  lines("keys", evidence.keys);
  for (const { gateway, runs } of evidence.views) lines(`view-${gateway}`, runs);
  for (const { tenant, runs, steps, effects } of evidence.warehouse) {
    lines(`warehouse-${tenant}`, [...runs, ...steps, ...effects]);
  }
  lines("log", evidence.log.map(recordForPeople));
}

function recordForPeople({ topic, partition, offset, time, key, headers, value }: BusRecord): object {
  const message = value === null ? undefined : readable(value);
  return { topic, partition, offset, time, key, headers, message: message ?? hex(value) };
}
