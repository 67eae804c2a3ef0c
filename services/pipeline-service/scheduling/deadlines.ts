import { deadlineOf, decideTimeOut, type Run } from "@convergence/run";
import { every, type Timer } from "@convergence/runtime/clock.ts";
import type { PipelineServiceDeps, RunLane } from "../deps.ts";

/** How late a run's time may be found to be over, in milliseconds. */
const LOOK_MS = 1_000;

interface Deadline {
  lane: RunLane;
  tenantId: string;
  /** Unix milliseconds. */
  at: number;
  judging: boolean;
}

/** Ends runs whose time is over. It keeps nothing that the folded state does not tell. */
export class Deadlines {
  readonly #deps: Pick<PipelineServiceDeps, "clock" | "log">;
  readonly #byRun = new Map<string, Deadline>();
  #timer: Timer | undefined;

  constructor(deps: Pick<PipelineServiceDeps, "clock" | "log">) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = every(this.#deps.clock, LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#timer?.clear();
  }

  /** Keeps an eye on a run that has begun and has a limit. */
  watch(lane: RunLane, tenantId: string, run: Run): void {
    const at = deadlineOf(run);
    if (at !== null) this.#byRun.set(run.head.run_id, { lane, tenantId, at, judging: false });
  }

  over(runId: string): void {
    this.#byRun.delete(runId);
  }

  /** A lane is lost. */
  forget(partition: number): void {
    for (const [runId, { lane }] of this.#byRun) if (lane.partition === partition) this.#byRun.delete(runId);
  }

  #look(): void {
    const now = this.#deps.clock.now();
    for (const [runId, deadline] of this.#byRun) {
      if (deadline.at > now || deadline.judging) continue;
      deadline.judging = true;
      void this.#end(runId, deadline);
    }
  }

  async #end(runId: string, deadline: Deadline): Promise<void> {
    try {
      await deadline.lane.propose(deadline.tenantId, (state, now) => decideTimeOut(state, runId, now));
    } catch (error) {
      this.#deps.log.warn({ run_id: runId, error: String(error) }, "a run's time is over; it is ended later");
    } finally {
      deadline.judging = false;
    }
  }
}
