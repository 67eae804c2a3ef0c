import { DatabaseSync } from "node:sqlite";
import { type EmbeddedBus, openEmbeddedBus } from "@convergence/bus/embedded/open.ts";
import { BusUnavailable, type Running } from "@convergence/bus/port.ts";
import { topicSpecs } from "@convergence/contracts";
import type { Gateway } from "@convergence/gateway/gateway.ts";
import type { Databases } from "@convergence/gateway/views/database.ts";
import { envelopeEncryption } from "@convergence/keys/envelope.ts";
import type { KeyEncryption, Sealing } from "@convergence/keys/port.ts";
import { simulatedSealing } from "@convergence/keys/simulated-sealing.ts";
import { type Metrics, metrics } from "@convergence/runtime/metrics.ts";
import { type MemoryWarehouse, memoryWarehouse } from "@convergence/warehouse/memory/warehouse.ts";
import { SESSION_MS } from "../plan/make-faults.ts";
import type { Fault, Plan, SlotName } from "../plan/plan.ts";
import { busOf, type Dealings } from "../world/bus-of.ts";
import { Prng } from "../world/prng.ts";
import { type Fate, Process } from "../world/process.ts";
import { warehouseOf } from "../world/warehouse-of.ts";
import type { World } from "../world/world.ts";
import { PROJECT, tablesOf } from "./materials.ts";
import { openGatewayOn, startService } from "./services.ts";
import { Trouble } from "./trouble.ts";

const RETRY_START_MS = 1_000;

/** A place in the cluster and the process in it. */
export interface Slot {
  readonly name: SlotName;
  readonly skewMs: number;
  starts: number;
  process: Process | undefined;
  dealings: Dealings;
  /** The running service; undefined while it starts, and when there is none. */
  service: Running | undefined;
  gateway: Gateway | undefined;
  /** A gateway's files: they outlive its process. */
  files: Databases | undefined;
  /** When its present process was ready (Unix milliseconds). */
  readyAt: number;
}

/** What the cluster tells of itself. */
export interface ClusterWatch {
  note(what: string): void;
  log(line: string): void;
  violation(what: string): void;
  appended(records: readonly { topic: string; value: Uint8Array | null }[], member: string): void;
}

/** All services of the platform in one world, each process mortal. */
export class Cluster {
  readonly bus: EmbeddedBus;
  readonly warehouse: MemoryWarehouse;
  readonly trouble: Trouble;
  readonly keys: KeyEncryption;
  readonly metrics: Metrics = metrics();
  readonly slots: Slot[];
  readonly #world: World;
  readonly #plan: Plan;
  readonly #watch: ClusterWatch;
  readonly #sealing: Sealing;

  constructor(world: World, plan: Plan, watch: ClusterWatch) {
    this.#world = world;
    this.#plan = plan;
    this.#watch = watch;
    this.trouble = new Trouble(world, plan.seed, (what) => watch.note(what));
    this.bus = this.#openBus();
    this.warehouse = memoryWarehouse({
      clock: world,
      project: PROJECT,
      faults: this.trouble.warehouse,
      tablesOf,
    });
    this.keys = envelopeEncryption(new Prng("key ring").bytes(32), new Prng(`keys/${plan.seed}`));
    this.#sealing = simulatedSealing(new Prng(`sealing/${plan.seed}`));
    this.slots = plan.slots.map(({ name, skewMs }) => ({
      name,
      skewMs,
      starts: 0,
      process: undefined,
      dealings: this.#newDealings(),
      service: undefined,
      gateway: undefined,
      files: name.startsWith("gateway") ? newFiles() : undefined,
      readyAt: 0,
    }));
  }

  #openBus(): EmbeddedBus {
    const { bus: faults } = this.trouble;
    return openEmbeddedBus({
      file: ":memory:",
      topics: topicSpecs(this.#plan.partitions),
      clock: this.#world,
      random: new Prng(`bus/${this.#plan.seed}`),
      synchronous: "normal",
      defer: this.#world.defer,
      limits: {
        sessionTimeoutMs: SESSION_MS,
        cleanEveryMs: 4_000,
        compactionLagMs: 3_000,
        tombstoneMs: 20_000,
      },
      faults: {
        ...faults,
        beforeAppend: (records, member) => {
          this.#watch.appended(records, member);
          return faults.beforeAppend?.(records, member) ?? "ok";
        },
      },
    });
  }

  slot(name: string): Slot | undefined {
    return this.slots.find((slot) => slot.name === name);
  }

  start(): void {
    for (const slot of this.slots) this.#start(slot);
  }

  /** Lets a fault of the plan begin. */
  begin(fault: Fault, index: number): void {
    const { trouble } = this;
    if (fault.kind === "poison") {
      const { topic, partition } = fault;
      // Where the bus is closed already, the seed is over.
      this.bus.append([{ topic, key: "poison", partition, value: poisonOf(index) }]).catch(() => {});
      trouble.strike("poison", `${fault.topic}/${fault.partition}`);
    } else if (fault.kind === "restart") {
      void this.restart(fault.slot, fault.downMs);
    } else if (fault.kind === "lose views") {
      const slot = this.slot(fault.slot);
      if (slot?.files === undefined) return;
      slot.files = { ...slot.files, views: new DatabaseSync(":memory:") };
      trouble.strike("lose views", fault.slot);
      this.#crash(slot, fault.downMs);
    } else {
      trouble.begin(fault, index, this.#plan.seed);
    }
  }

  /** Stops a service in good order and starts it again. */
  async restart(name: SlotName, downMs: number): Promise<void> {
    const slot = this.slot(name);
    const { process, service } = slot ?? {};
    if (slot === undefined || process === undefined || service === undefined || !process.running) return;
    this.trouble.strike("restart", process.name);
    slot.service = undefined;
    slot.gateway = undefined;
    try {
      await service.stop();
    } catch (error) {
      if (!(error instanceof BusUnavailable))
        this.#watch.violation(`${process.name} did not stop: ${String(error)}`);
    }
    if (process.alive) this.#crash(slot, downMs);
  }

  close(): Promise<void> {
    for (const { process } of this.slots) process?.die();
    return this.bus.close();
  }

  #crash(slot: Slot, downMs: number): void {
    const { process } = slot;
    if (process === undefined || !process.alive) return;
    this.trouble.lagged(slot.name, this.#world.now() + downMs);
    process.die();
    this.#world.after(downMs, () => {
      if (slot.process === process) this.#start(slot);
    });
  }

  /** Decides whether a process dies or freezes at this effect. */
  #fateOf(slot: Slot, process: Process, effect: string): Fate {
    const struck = this.trouble.fateOf(process, effect);
    if (struck === undefined) return "go";
    const { fate, fault } = struck;
    this.trouble.strike(fate, `${process.name} at "${effect}"`);
    if (fault.kind === "freeze") {
      this.trouble.lagged(slot.name, this.#world.now() + fault.forMs);
      process.freeze();
      this.bus.pauseMember(process.name);
      this.#world.after(fault.forMs, () => {
        if (!process.alive) return;
        this.#watch.note(`${process.name} thaws`);
        this.bus.resumeMember(process.name);
        process.thaw();
      });
    } else {
      this.trouble.lagged(slot.name, this.#world.now() + fault.downMs);
      this.#world.after(fault.downMs, () => {
        if (slot.process === process) this.#start(slot);
      });
    }
    return fate;
  }

  #start(slot: Slot): void {
    slot.starts += 1;
    const name = `${slot.name}.${slot.starts}`;
    slot.dealings = this.#newDealings();
    slot.service = undefined;
    slot.gateway = undefined;
    const process = new Process({
      world: this.#world,
      name,
      slot: slot.name,
      random: new Prng(`process/${this.#plan.seed}/${name}`),
      skewMs: slot.skewMs,
      fateOf: (at, effect) => this.#fateOf(slot, at, effect),
      onDeath: () => {
        this.bus.dropMember(name);
        if (slot.process !== process) return;
        slot.service = undefined;
        slot.gateway = undefined;
        slot.dealings = this.#newDealings();
      },
    });
    slot.process = process;
    this.#watch.note(`${name} starts`);
    this.#serve(slot, process).then(
      (service) => this.#started(slot, process, service),
      (error) => this.#startFailed(slot, process, error),
    );
  }

  #started(slot: Slot, process: Process, service: Running): void {
    service.failed.catch((error) => {
      if (process.alive) this.#watch.violation(`${process.name} failed: ${String(error)}`);
    });
    if (!process.alive || slot.process !== process) return;
    slot.service = service;
    slot.readyAt = this.#world.now();
    this.#watch.note(`${process.name} is up`);
  }

  /** A process that cannot reach the bus at its start ends, and is started again by who watches over it. */
  #startFailed(slot: Slot, process: Process, error: unknown): void {
    if (!process.alive) return;
    if (!(error instanceof BusUnavailable)) {
      this.#watch.violation(`${process.name} did not start: ${String(error)}`);
    }
    this.#crash(slot, RETRY_START_MS);
  }

  #newDealings(): Dealings {
    return {
      lanes: new Map(),
      taken: new Set(),
      now: () => this.#world.now(),
      violation: (what) => this.#watch.violation(what),
    };
  }

  async #serve(slot: Slot, process: Process): Promise<Running> {
    const parts = {
      bus: busOf(process, this.bus.as(process.name), slot.dealings),
      warehouse: warehouseOf(process, this.warehouse, (caller) => this.trouble.calling(caller)),
      clock: process.clock,
      random: process.random,
      instance: process.name,
      log: this.#log(process),
      metrics: this.metrics,
      keys: this.keys,
      sealing: this.#sealing,
    };
    if (!slot.name.startsWith("gateway")) return startService(slot.name, parts);
    const gateway = await openGatewayOn(parts, slot.files ?? newFiles());
    if (process.alive) slot.gateway = gateway;
    await gateway.ready;
    return { stop: () => gateway.stop(), failed: new Promise<never>(() => {}) };
  }

  #log(process: Process) {
    const at = (level: string) => (detail: object, message: string) => {
      this.#watch.log(`${process.name} ${level} ${message} ${describe(detail)}`);
    };
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }
}

function newFiles(): Databases {
  return { views: new DatabaseSync(":memory:"), outbox: new DatabaseSync(":memory:") };
}

/** What no schema reads: another marker, then the fault's number, so that each is one of its own. */
export function poisonOf(index: number): Uint8Array {
  return Buffer.from(`poison ${index}`);
}

function describe(detail: object): string {
  return JSON.stringify(detail, (_, value) =>
    value instanceof Error ? `${value.name}: ${value.message}` : value,
  );
}
