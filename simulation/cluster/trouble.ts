import type { AppendFault, BusFaults } from "@convergence/bus/embedded/faults.ts";
import type { Operation, Faults as WarehouseFaults } from "@convergence/warehouse/memory/warehouse.ts";
import type { Fault } from "../plan/plan.ts";
import { Prng } from "../world/prng.ts";
import type { Fate, Process } from "../world/process.ts";
import type { World } from "../world/world.ts";

/** How long calls and jobs take where nothing is wrong, in milliseconds. */
const CALL_MS = [0, 0, 0, 1, 3, 12];
const JOB_MS = [0, 5, 20, 60, 250];
const BUS_MS = [0, 0, 0, 0, 0, 0, 1, 4];

interface Armed {
  fault: Extract<Fault, { kind: "crash" | "freeze" }>;
  left: number;
}

interface Open {
  fault: Fault;
  until: number;
  prng: Prng;
}

/** What goes wrong when: the faults of a plan, as the bus, the warehouse and the processes meet them. */
export class Trouble {
  /** How often a fault struck, by kind. */
  readonly struck = new Map<string, number>();
  readonly #world: World;
  readonly #note: (what: string) => void;
  readonly #latency: Prng;
  readonly #armed: Armed[] = [];
  #open: Open[] = [];
  /** When a slot was last cut off, late or frozen: until then its views may lag. */
  readonly #lastLag = new Map<string, number>();
  #caller: Process | undefined;

  constructor(world: World, seed: number, note: (what: string) => void) {
    this.#world = world;
    this.#note = note;
    this.#latency = new Prng(`latency/${seed}`);
  }

  /** Begins a fault that lasts, or waits for its moment. */
  begin(fault: Fault, index: number, seed: number): void {
    if (fault.kind === "crash" || fault.kind === "freeze") {
      this.#armed.push({ fault, left: fault.nth });
    } else if ("forMs" in fault) {
      const until = this.#world.now() + fault.forMs;
      this.#open.push({ fault, until, prng: new Prng(`fault/${seed}/${index}`) });
      const lags =
        fault.kind === "cut off" || fault.kind === "late deliveries" || fault.kind === "slow appends";
      if (lags) this.lagged(fault.slot, until);
    }
  }

  /** Nothing goes wrong from now on. */
  end(): void {
    this.#open = [];
    this.#armed.length = 0;
  }

  /** Counts a fault that struck. */
  strike(kind: string, detail: string): void {
    this.struck.set(kind, (this.struck.get(kind) ?? 0) + 1);
    this.#note(`! ${kind}: ${detail}`);
  }

  lagged(slot: string, until: number): void {
    this.#lastLag.set(slot, Math.max(this.#lastLag.get(slot) ?? 0, until));
  }

  /** When this slot's views last had a reason to lag (Unix milliseconds). */
  lastLag(slot: string): number {
    return Math.max(this.#lastLag.get(slot) ?? 0, this.#lastLag.get("all") ?? 0);
  }

  /** The armed fault that this effect sets off. */
  fateOf(process: Process, effect: string): { fate: Fate; fault: Armed["fault"] } | undefined {
    for (const [i, armed] of this.#armed.entries()) {
      const { fault } = armed;
      if (fault.slot !== process.slot || !effect.includes(fault.effect)) continue;
      armed.left -= 1;
      if (armed.left > 0) continue;
      this.#armed.splice(i, 1);
      if (fault.kind === "freeze") return { fate: "freeze", fault };
      return { fate: fault.side === "before" ? "die before" : "die after", fault };
    }
    return undefined;
  }

  /** The bus' faults. Members are named by slot and start: "runner-1.2". */
  readonly bus: BusFaults = {
    beforeAppend: (records, member) => this.#appendFault(records[0]?.topic ?? "", member),
    appendDelayMs: (member) => this.#appendDelay(member),
    ackDelayMs: (member) => (member === "" ? 0 : this.#latency.pick(BUS_MS)),
    deliveryDelayMs: (reader) => this.#deliveryDelay(reader),
    unreachable: (member) => {
      if (this.#find("cut off", member) === undefined) return false;
      this.strike("cut off", member);
      return true;
    },
  };

  /** The warehouse's faults; told first who calls. */
  calling(process: Process): void {
    this.#caller = process;
  }

  readonly warehouse: WarehouseFaults = {
    before: (operation, detail) => {
      const open = this.#find("warehouse", this.#caller?.name ?? "");
      if (open?.fault.kind !== "warehouse" || !open.prng.chance(open.fault.rate)) return "ok";
      const { outcome } = open.fault;
      if (outcome === "job-fails" && !operation.startsWith("submit")) return "ok";
      this.strike(`warehouse ${outcome}`, `${operation} ${detail} by ${this.#caller?.name}`);
      return outcome;
    },
    delayMs: (operation) => this.#warehouseDelay(operation),
  };

  #appendFault(topic: string, member: string): AppendFault {
    const open = this.#find("append", member);
    if (open?.fault.kind !== "append" || !open.prng.chance(open.fault.rate)) return "ok";
    this.strike(`append ${open.fault.outcome}`, `${topic} by ${member}`);
    return open.fault.outcome;
  }

  #appendDelay(member: string): number {
    if (member === "") return 0;
    const open = this.#find("slow appends", member);
    if (open?.fault.kind !== "slow appends") return this.#latency.pick(BUS_MS);
    this.strike("slow append", member);
    return open.prng.int(1, open.fault.maxMs);
  }

  #deliveryDelay(reader: string): number {
    if (reader.startsWith("view:oracle")) return 0;
    const open = this.#open.find(
      ({ fault, until }) =>
        fault.kind === "late deliveries" &&
        until > this.#world.now() &&
        (fault.slot === "all" || reader.includes(fault.slot)),
    );
    if (open?.fault.kind !== "late deliveries") return this.#latency.pick(BUS_MS);
    this.strike("late delivery", reader);
    return open.prng.int(1, open.fault.maxMs);
  }

  #warehouseDelay(operation: Operation): number {
    const open = this.#find("slow warehouse", "");
    if (open?.fault.kind !== "slow warehouse") {
      return this.#latency.pick(operation === "job" ? JOB_MS : CALL_MS);
    }
    this.strike("slow warehouse", operation);
    return open.prng.int(1, operation === "job" ? open.fault.jobMs : open.fault.callMs);
  }

  /** The open fault of this kind that strikes this process. */
  #find(kind: Fault["kind"], member: string): Open | undefined {
    if (this.#open.length === 0) return undefined;
    const now = this.#world.now();
    return this.#open.find(({ fault, until }) => {
      if (fault.kind !== kind || until <= now) return false;
      return !("slot" in fault) || fault.slot === "all" || member.startsWith(`${fault.slot}.`);
    });
  }
}
