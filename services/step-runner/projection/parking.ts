import type { Bus, BusRecord, View } from "@convergence/bus/port.ts";
import { decodeAs, encode, type ParkedTable, UnreadableRecord } from "@convergence/contracts";
import type { StepRunnerDeps } from "../deps.ts";

const TOPIC = "parked-tables";

/** A table that is parked, under the key that says so. */
export interface Parked {
  key: string;
  partition: number;
  table: Omit<ParkedTable, "type">;
}

/**
 * The tables that are parked, on a topic of their own, so that the projection's offsets can go on without their rows.
 * Each parking has a key of its own: an instance that was overtaken can only take back what it said itself.
 */
export class Parking {
  readonly #bus: Bus;
  readonly #instance: string;
  readonly #clock: StepRunnerDeps["clock"];
  readonly #told: (parked: Parked) => void;
  readonly #parked = new Map<string, Parked>();
  /** Keys that this instance wrote. */
  readonly #own = new Set<string>();
  #view: View | undefined;

  /** `told` is called for each table that another instance, or this one before its start, has parked. */
  constructor({ bus, instance, clock }: StepRunnerDeps, told: (parked: Parked) => void) {
    this.#bus = bus;
    this.#instance = instance;
    this.#clock = clock;
    this.#told = told;
  }

  async start(): Promise<void> {
    this.#view = await this.#bus.view({ topics: [TOPIC], from: "low" }, (record) => this.#fold(record));
    await this.#view.caughtUp();
  }

  async stop(): Promise<void> {
    await this.#view?.stop();
  }

  /** How many tables are parked, each counted once a partition. */
  get size(): number {
    const tables = [...this.#parked.values()].map(({ partition, table }) => tableName(partition, table));
    return new Set(tables).size;
  }

  /** What is parked of a partition. */
  of(partition: number): Parked[] {
    return [...this.#parked.values()].filter((parked) => parked.partition === partition);
  }

  /** Resolves once all that was parked before the call was told. */
  async caughtUp(): Promise<void> {
    await this.#view?.caughtUp();
  }

  /** Whether this instance parked it: then nobody else takes it back. */
  isOwn({ key }: Parked): boolean {
    return this.#own.has(key);
  }

  /** Parks a table; resolves once that is stored. */
  async park(partition: number, table: Omit<ParkedTable, "type" | "at">): Promise<Parked> {
    const at = this.#clock.now();
    const key = `${tableName(partition, table)}|${this.#instance}|${at}|${table.offset}`;
    this.#own.add(key);
    const parked = { key, partition, table: { ...table, at } };
    await this.#store(parked);
    return parked;
  }

  /** Says that a parked table was written up to an offset. */
  async advance(parked: Parked, to: Pick<ParkedTable, "offset" | "claim">): Promise<Parked> {
    const advanced = { ...parked, table: { ...parked.table, ...to } };
    // Another's word stays as it is: it may be taken back by its own writer alone.
    if (this.#own.has(parked.key)) await this.#store(advanced);
    return advanced;
  }

  /** Takes a parking back: every row from its offset on is written, or will be. */
  async release({ key, partition }: Parked): Promise<void> {
    await this.#bus.append([{ topic: TOPIC, partition, key, value: null }]);
  }

  async #store({ key, partition, table }: Parked): Promise<void> {
    const value = encode({ type: "ParkedTable", ...table });
    await this.#bus.append([{ topic: TOPIC, partition, key, value }]);
  }

  #fold(record: BusRecord): void {
    const { key, partition } = record;
    if (record.value === null) {
      this.#parked.delete(key);
      return;
    }
    const message = readable(record);
    if (message === undefined) return;
    const parked = { key, partition, table: message };
    this.#parked.set(key, parked);
    if (!this.#own.has(key)) this.#told(parked);
  }
}

function tableName(partition: number, { dataset, table }: Pick<ParkedTable, "dataset" | "table">): string {
  return `${partition}|${dataset}|${table}`;
}

function readable(record: BusRecord): ParkedTable | undefined {
  try {
    return decodeAs(record.value, ["ParkedTable"]);
  } catch (error) {
    if (error instanceof UnreadableRecord) return undefined;
    throw error;
  }
}
