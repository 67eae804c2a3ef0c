import { spawnSync } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Outage, Poison } from "../checker/evidence.ts";
import type { Clients } from "../clients/clients.ts";
import { probe } from "../clients/probe.ts";
import type { Supervised } from "../system/supervised.ts";
import type { Group, System } from "../system/system.ts";
import { pause, until } from "../until.ts";
import type { Fault } from "./plan.ts";
import { putPoison } from "./poison.ts";

/** How long a group may take to count a silent member out: its session (6 s) and a rebalance. */
const COUNTED_OUT_MS = 20_000;
const READY_MS = 60_000;
const SHIFTED_CLOCK = path.join(import.meta.dirname, "..", "system", "shifted-clock.ts");

export interface Stage {
  system: System;
  clients: Clients;
  poison: Poison[];
  outages: Outage[];
}

type Of<K extends Fault["kind"]> = Extract<Fault, { kind: K }>;

/** Lets a fault strike and pass. Resolves with what shows that it did strike. @throws Error when it did not */
export function strike(stage: Stage, fault: Fault): Promise<string> {
  switch (fault.kind) {
    case "kill":
      return kill(stage, fault);
    case "pause":
      return freeze(stage, fault);
    case "outage":
      return stopBroker(stage, fault);
    case "poison":
      return poison(stage, fault);
    case "storm":
      return storm(stage, fault);
    case "warehouse":
      return troubleWarehouse(stage, fault);
    case "skew":
      return skew(stage, fault);
  }
}

/** One line on what a fault is. */
export function told(fault: Fault): string {
  const { kind, ...rest } = fault;
  return `${kind} ${Object.entries(rest)
    .filter(([name]) => name !== "at")
    .map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(" ")}`;
}

function chosen({ system }: Stage, { service, instance }: Of<"kill" | "pause" | "skew">): Supervised {
  const all = system.of(service);
  const one = all[instance % all.length];
  if (one === undefined) throw new Error(`there is no ${service}`);
  return one;
}

async function kill(stage: Stage, fault: Of<"kill">): Promise<string> {
  const target = chosen(stage, fault);
  const { pid, process } = target;
  const code = await target.end("SIGKILL");
  if (code !== null) throw new Error(`${process} ended with code ${code} before it was killed`);
  await until(`${target.name} is started again`, () => target.process !== process, READY_MS);
  await target.ready();
  return `${process} (pid ${pid}) ended by SIGKILL; ${target.process} is ready`;
}

async function freeze(stage: Stage, fault: Of<"pause">): Promise<string> {
  const { system } = stage;
  const target = chosen(stage, fault);
  const { process } = target;
  const group = fault.service;
  const before = await wholeGroup(system, group);
  const begun = performance.now();
  target.signal("SIGSTOP");
  try {
    await until(`${process} is stopped`, () => stateOf(target.pid).startsWith("T"), 2_000);
    await pause(fault.ms);
    await until(
      `${group} counts ${process} out`,
      async () => (await system.members(group)) < before,
      COUNTED_OUT_MS,
    );
  } finally {
    target.signal("SIGCONT");
  }
  const ms = Math.round(performance.now() - begun);
  return `${process} was stopped for ${ms} ms; its group fell from ${before} members`;
}

/** Waits until a group has every instance and nobody else: those that were killed are counted out late. */
async function wholeGroup(system: System, group: Group): Promise<number> {
  const all = system.of(group).length;
  await until(`${group} has ${all} members`, async () => (await system.members(group)) === all, READY_MS);
  return all;
}

/** As ps tells it: T for a stopped process. */
function stateOf(pid: number): string {
  return spawnSync("ps", ["-o", "state=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim();
}

async function stopBroker(stage: Stage, fault: Of<"outage">): Promise<string> {
  const { system, clients } = stage;
  await system.broker.stop();
  const begun = performance.now();
  const outage = await probe(clients, system.gateways, fault.ms);
  const ms = Math.round(performance.now() - begun);
  await system.startBroker();
  stage.outages.push(outage);
  await system.ready();
  return `the broker was away for ${ms} ms; ${outage.writes.length} writes and ${outage.reads.length} reads meanwhile`;
}

async function poison(stage: Stage, fault: Of<"poison">): Promise<string> {
  const put = await putPoison(stage.system.broker.address, fault.records, stage.poison.length);
  stage.poison.push(...put);
  return put.map(({ topic, partition, offset }) => `${topic}/${partition}/${offset}`).join(", ");
}

async function storm(stage: Stage, fault: Of<"storm">): Promise<string> {
  const { system } = stage;
  const group = fault.service;
  const before = await wholeGroup(system, group);
  let most = before;
  let joined = 0;
  const guests = Array.from({ length: fault.joins }, async (_, n) => {
    await pause(n * 700);
    const guest = await system.startGuest(fault.service);
    try {
      await guest.ready();
      joined += 1;
      most = Math.max(most, await system.members(group));
    } finally {
      await guest.end(n % 2 === 0 ? "SIGTERM" : "SIGKILL");
    }
  });
  await Promise.all(guests);
  if (most <= before) throw new Error(`${group} never had more than its ${before} members`);
  return `${joined} further members of ${group} joined and left; it had ${before}, then up to ${most}`;
}

async function troubleWarehouse({ system }: Stage, fault: Of<"warehouse">): Promise<string> {
  system.proxy.set(fault.mode);
  await pause(fault.ms);
  const touched = system.proxy.set("none");
  if (touched === 0) throw new Error("no request reached the warehouse meanwhile");
  return `${touched} requests met a warehouse of mode ${fault.mode}`;
}

async function skew(stage: Stage, fault: Of<"skew">): Promise<string> {
  const target = chosen(stage, fault);
  const { extra } = target;
  const shift = `${fault.shiftMs > 0 ? "+" : ""}${fault.shiftMs} ms`;
  target.extra = {
    ...extra,
    NODE_OPTIONS: `--import=${pathToFileURL(SHIFTED_CLOCK)}`,
    CHAOS_CLOCK_SHIFT_MS: String(fault.shiftMs),
  };
  try {
    const started = await restart(target);
    const found = (await startTime(target)) - started;
    if (Math.abs(found - fault.shiftMs) > 5_000)
      throw new Error(`the clock of ${target.process} is off by ${found} ms`);
    await pause(fault.ms);
  } finally {
    target.extra = extra;
    await restart(target);
  }
  return `${target.name} ran for ${fault.ms} ms with its clock off by ${shift}`;
}

/** Lets it end cleanly and start anew; resolves once it is ready, with about when it was started, Unix milliseconds. */
async function restart(target: Supervised): Promise<number> {
  const before = target.process;
  await target.end("SIGTERM");
  await until(`${target.name} is started again`, () => target.process !== before, READY_MS);
  const started = Date.now();
  await target.ready();
  return started;
}

/** When the process believes to have started, Unix milliseconds. */
async function startTime(target: Supervised): Promise<number> {
  const text = await (await fetch(`${target.operatorUrl}/metrics`)).text();
  const found = /^process_start_time_seconds(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1];
  return Number(found) * 1_000;
}
