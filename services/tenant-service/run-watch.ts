import type { Bus, BusRecord, View } from "@convergence/bus/port.ts";
import {
  decodeAs,
  RUN_EVENTS_TYPES,
  RUN_SNAPSHOTS_TYPES,
  type RunEventsMessage,
  UnreadableRecord,
} from "@convergence/contracts";
import { LogReader } from "@convergence/log";
import type { Clock } from "@convergence/runtime/clock.ts";
import { isCheckpointKey } from "@convergence/writer";

/** How a run ended. */
export interface RunOutcome {
  ok: boolean;
  error: string | null;
}

/** How much later an outcome may be read, in milliseconds, so that not every event of every run wakes this service. */
const GATHER_MS = 100;
/** How many outcomes of onboarding runs are kept for those who ask late. */
const KEPT = 10_000;
/** Clocks of two instances differ by no more than this, in milliseconds. */
const CLOCKS_DIFFER_MS = 60_000;

/**
 * Follows run.events for the outcomes that onboardings wait for. Reads from pipeline-service's checkpoints on, which
 * name the claim that counts there; for a wait that is older than that, from the start of the log.
 */
export class RunWatch {
  readonly #bus: Bus;
  readonly #readers = new Map<number, LogReader>();
  readonly #startedAt = new Map<number, number>();
  readonly #outcomes = new Map<string, RunOutcome>();
  readonly #waiting = new Map<string, ((outcome: RunOutcome) => void)[]>();
  /** Commands that ended a tenant's open runs: read, and waited for. */
  readonly #cancelled = new Set<string>();
  readonly #cancelling = new Map<string, (() => void)[]>();
  readonly #clock: Clock;
  /** By the clock, when reading began. */
  #began = 0;
  #view: View | undefined;
  #restarting: Promise<void> | undefined;

  constructor(bus: Bus, clock: Clock) {
    this.#bus = bus;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    this.#began = this.#clock.now();
    const checkpoints = await this.#checkpoints();
    for (const [partition, { offset, claim }] of checkpoints) {
      this.#startedAt.set(partition, offset);
      this.#readers.set(partition, new LogReader(claim));
    }
    const offsets = new Map([...checkpoints].map(([partition, { offset }]) => [partition, offset]));
    await this.#read(new Map([["run.events", offsets]]));
  }

  async stop(): Promise<void> {
    await this.#view?.stop();
  }

  /**
   * Resolves with the run's outcome: an event of this partition at or after `offset`. To be called before it is sent.
   * @throws BusUnavailable when the log has to be read from its start, and cannot be
   */
  async finished(runId: string, partition: number, offset: number): Promise<RunOutcome> {
    const known = this.#outcomes.get(runId);
    if (known !== undefined) return known;
    const outcome = new Promise<RunOutcome>((resolve) => {
      this.#waiting.set(runId, [...(this.#waiting.get(runId) ?? []), resolve]);
    });
    if (offset < (this.#startedAt.get(partition) ?? 0)) await this.#fromStart();
    return outcome;
  }

  /**
   * Resolves when the command's outcome is read. To be called before it is sent.
   * @param since when it may have been sent first, Unix milliseconds
   * @throws BusUnavailable when the log has to be read from its start, and cannot be
   */
  async cancelled(commandId: string, since: number): Promise<void> {
    if (this.#cancelled.has(commandId)) return;
    const outcome = new Promise<void>((resolve) => {
      this.#cancelling.set(commandId, [...(this.#cancelling.get(commandId) ?? []), resolve]);
    });
    // Its outcome may lie before the checkpoint from which this watch reads: a copy of the command has none.
    if (since < this.#began + CLOCKS_DIFFER_MS && this.#startedAt.size > 0) await this.#fromStart();
    return outcome;
  }

  /** Reads the log from its start, once for all who ask meanwhile. */
  #fromStart(): Promise<void> {
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  async #restart(): Promise<void> {
    await this.#view?.stop();
    this.#readers.clear();
    await this.#read("low");
    this.#startedAt.clear();
  }

  async #read(from: "low" | ReadonlyMap<string, ReadonlyMap<number, number>>): Promise<void> {
    const options = { topics: ["run.events"], from, gatherMs: GATHER_MS };
    this.#view = await this.#bus.view(options, (record) => this.#fold(record));
  }

  async #checkpoints(): Promise<Map<number, { offset: number; claim: number }>> {
    const checkpoints = new Map<number, { offset: number; claim: number }>();
    const view = await this.#bus.view({ topics: ["run.snapshots"], from: "low" }, (record) => {
      if (record.value === null || !isCheckpointKey(record.key)) return;
      const message = decodeAs(record.value, RUN_SNAPSHOTS_TYPES);
      if (message.type !== "Checkpoint") return;
      const known = checkpoints.get(record.partition);
      if (known === undefined || known.offset < message.offset) checkpoints.set(record.partition, message);
    });
    await view.caughtUp();
    await view.stop();
    return checkpoints;
  }

  #fold(record: BusRecord): void {
    const reader = this.#readers.get(record.partition) ?? new LogReader();
    this.#readers.set(record.partition, reader);
    const event = readable(record);
    if (event === undefined) return;
    const verdict = reader.read(record.offset, event);
    if (verdict === "counted" || verdict === "gap") this.#counted(event);
  }

  #counted(event: RunEventsMessage): void {
    if (event.type === "RunFinished" && event.run.trigger_type === "onboarding") {
      this.#settle(event.run.run_id, { ok: event.status === "COMPLETE", error: event.error_message });
    } else if (event.type === "RunRejected" && this.#waiting.has(event.run_id)) {
      // Kept for nobody: a command that was rejected is decided anew when it is sent again.
      this.#settle(event.run_id, { ok: false, error: event.detail });
    } else if (event.type === "OpenRunsCancelled") {
      remember(this.#cancelled, event.command_id);
      for (const resolve of this.#cancelling.get(event.command_id) ?? []) resolve();
      this.#cancelling.delete(event.command_id);
    }
  }

  #settle(runId: string, outcome: RunOutcome): void {
    this.#outcomes.set(runId, outcome);
    const [oldest] = this.#outcomes.keys();
    if (this.#outcomes.size > KEPT && oldest !== undefined) this.#outcomes.delete(oldest);
    for (const resolve of this.#waiting.get(runId) ?? []) resolve(outcome);
    this.#waiting.delete(runId);
  }
}

function remember(ids: Set<string>, id: string): void {
  ids.add(id);
  const [oldest] = ids;
  if (ids.size > KEPT && oldest !== undefined) ids.delete(oldest);
}

/** What cannot be read is no outcome; the log's owner raises the alarm. */
function readable(record: BusRecord): RunEventsMessage | undefined {
  try {
    return decodeAs(record.value, RUN_EVENTS_TYPES);
  } catch (error) {
    if (error instanceof UnreadableRecord) return undefined;
    throw error;
  }
}
