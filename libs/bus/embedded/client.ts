import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import { BusUnavailable, type Reading } from "../port.ts";

/** Something that runs for a client and must know when that stops or comes back. */
export interface Participant {
  /** The client runs again after a pause. */
  resumed(): void;
  /** The client crashed: call nothing of it any more. */
  dropped(): void;
  /** The client was silent for longer than its session: the groups count it out. */
  expired?(): void;
  /** The bus closes: end gracefully. */
  stop?(): Promise<void>;
  readings?(): Iterable<Reading>;
}

/**
 * One process as the bus sees it. Everything that runs through the bus belongs to a client, so that the simulator
 * can freeze (pause), bring back (resume) or kill (drop) a whole process.
 */
export class Client {
  readonly name: string;
  readonly #clock: Clock;
  readonly #sessionTimeoutMs: number;
  #state: "running" | "paused" | "dropped" | "closed" = "running";
  #held: (() => void)[] = [];
  #session: Timer | undefined;
  readonly #participants = new Set<Participant>();

  /** `closed`: the bus is closed already. */
  constructor(name: string, clock: Clock, sessionTimeoutMs: number, closed: boolean) {
    if (closed) this.#state = "closed";
    this.name = name;
    this.#clock = clock;
    this.#sessionTimeoutMs = sessionTimeoutMs;
  }

  get running(): boolean {
    return this.#state === "running";
  }

  get dropped(): boolean {
    return this.#state === "dropped";
  }

  /** Whether it still runs, or may again. */
  get alive(): boolean {
    return this.#state === "running" || this.#state === "paused";
  }

  add(participant: Participant): void {
    this.#participants.add(participant);
  }

  remove(participant: Participant): void {
    this.#participants.delete(participant);
  }

  readings(): Reading[] {
    return [...this.#participants].flatMap((participant) => [...(participant.readings?.() ?? [])]);
  }

  /**
   * Runs what this client asks of the bus: at once while it runs; when it comes back if it is paused; never once
   * it was dropped. An answer is held back in the same way.
   */
  through<T>(operation: () => Promise<T>): Promise<T> {
    switch (this.#state) {
      case "running":
        return new Promise((resolve, reject) => {
          operation().then(
            (value) => this.#settle(() => resolve(value)),
            (error) => this.#settle(() => reject(error)),
          );
        });
      case "paused":
        return new Promise((resolve, reject) => {
          this.#held.push(() => this.through(operation).then(resolve, reject));
        });
      case "dropped":
        return new Promise(() => {});
      case "closed":
        return Promise.reject(new BusUnavailable("the bus is closed"));
    }
  }

  pause(): void {
    if (this.#state !== "running") return;
    this.#state = "paused";
    this.#startSession();
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    this.#session?.clear();
    const held = this.#held;
    this.#held = [];
    for (const run of held) run();
    for (const participant of [...this.#participants]) participant.resumed();
  }

  drop(): void {
    if (this.#state === "dropped" || this.#state === "closed") return;
    const silent = this.#state === "paused";
    this.#state = "dropped";
    this.#held = [];
    if (!silent) this.#startSession();
    for (const participant of [...this.#participants]) participant.dropped();
  }

  /** Stops all that runs for this client, then refuses everything. One that is paused hears nothing more. */
  async close(): Promise<void> {
    if (this.#state === "paused") this.drop();
    if (this.#state === "running") {
      await Promise.all([...this.#participants].map((participant) => participant.stop?.()));
    }
    this.#session?.clear();
    this.#state = "closed";
  }

  #settle(run: () => void): void {
    if (this.#state === "paused") this.#held.push(() => this.#settle(run));
    else if (this.#state !== "dropped") run();
  }

  #startSession(): void {
    this.#session = this.#clock.after(this.#sessionTimeoutMs, () => {
      for (const participant of [...this.#participants]) participant.expired?.();
    });
  }
}
