import type { Bus, BusRecord, View } from "@convergence/bus/port.ts";
import {
  type DispatcherAnnounced,
  decode,
  type RunnerAnnounced,
  UnreadableRecord,
} from "@convergence/contracts";
import type { Clock } from "@convergence/runtime/clock.ts";

/**
 * An instance that has said nothing for so long is taken for gone, in milliseconds. It announces itself each third. It is
 * judged by when it was heard: clocks differ, and one that is behind would never have said anything lately.
 */
export const SILENT_MS = 15_000;

interface Heard<M> {
  message: M;
  /** By the clock of who hears, Unix milliseconds. */
  heardAt: number;
}

/** Who offers slots, and who shares them out: the `runners` topic. */
export class Runners {
  readonly #clock: Clock;
  readonly #instance: string;
  readonly #changed: () => void;
  readonly #runners = new Map<string, Heard<RunnerAnnounced>>();
  readonly #dispatchers = new Map<string, Heard<DispatcherAnnounced>>();
  #view: View | undefined;
  #live = false;

  constructor(clock: Clock, instance: string, changed: () => void) {
    this.#clock = clock;
    this.#instance = instance;
    this.#changed = changed;
  }

  async start(bus: Bus): Promise<void> {
    this.#view = await bus.view({ topics: ["runners"], from: "low" }, (record) => this.#fold(record));
    await this.#view.caughtUp();
    this.#live = true;
  }

  async stop(): Promise<void> {
    await this.#view?.stop();
  }

  /** Runners that can be given work now. */
  living(): RunnerAnnounced[] {
    const horizon = this.#clock.now() - SILENT_MS;
    return [...this.#runners.values()].flatMap(({ message, heardAt }) =>
      heardAt > horizon && message.partitions.length > 0 ? [message] : [],
    );
  }

  /**
   * This instance's share of a runner's slots, by how many of all ready tenants are its own: at least one, so that
   * nobody waits for good.
   */
  share(slots: number, readyTenants: number): number {
    const horizon = this.#clock.now() - SILENT_MS;
    let others = 0;
    for (const { message, heardAt } of this.#dispatchers.values()) {
      if (message.instance !== this.#instance && heardAt > horizon) others += message.ready_tenants;
    }
    if (others === 0) return slots;
    return Math.max(
      1,
      Math.floor((slots * Math.max(1, readyTenants)) / (Math.max(1, readyTenants) + others)),
    );
  }

  #fold(record: BusRecord): void {
    if (record.value === null) {
      this.#runners.delete(record.key);
      this.#dispatchers.delete(record.key);
    } else {
      const message = readAnnouncement(record.value);
      if (message?.type === "RunnerAnnounced") this.#runners.set(record.key, this.#heard(message));
      if (message?.type === "DispatcherAnnounced") this.#dispatchers.set(record.key, this.#heard(message));
    }
    this.#changed();
  }

  /**
   * What was stored before the start may be of instances long gone, so there the sender's own clock is believed; one that
   * lives is heard again within a third of the time.
   */
  #heard<M extends { at: number }>(message: M): Heard<M> {
    const now = this.#clock.now();
    return { message, heardAt: this.#live ? now : Math.min(message.at, now) };
  }
}

function readAnnouncement(bytes: Uint8Array): RunnerAnnounced | DispatcherAnnounced | undefined {
  try {
    const message = decode(bytes);
    return message.type === "RunnerAnnounced" || message.type === "DispatcherAnnounced" ? message : undefined;
  } catch (error) {
    if (error instanceof UnreadableRecord) return undefined;
    throw error;
  }
}
