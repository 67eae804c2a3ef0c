import type { BusRecord, Running } from "@convergence/bus/port.ts";
import {
  decodeAs,
  encode,
  STEP_TASKS_TYPES,
  type StepReported,
  traceFields,
  traceOf,
} from "@convergence/contracts";
import { every, type Timer } from "@convergence/runtime/clock.ts";
import { LATENCY_SECONDS } from "@convergence/runtime/metrics.ts";
import type { Secrets } from "../credentials/credentials.ts";
import type { StepRunnerDeps } from "../deps.ts";
import { type Assignment, aboutTask, execute, type StepOutcome } from "./execute.ts";
import { Results } from "./results.ts";
import { StoppedRuns } from "./stopped-runs.ts";

/** A runner says that it is there so often, in milliseconds: three times before it is taken for gone. */
const ANNOUNCE_MS = 5_000;

/** So much of an error's message is reported, in characters: it goes into events, each of them one record. */
const MAX_MESSAGE = 8_000;

/**
 * Takes tasks, claims them by lease, executes and reports them. The task's offset is committed at once, so that a
 * rebalance hands out nothing that is in flight: a runner that dies is noticed by its lease.
 */
export class Claiming {
  readonly #deps: StepRunnerDeps;
  readonly #secrets: Secrets;
  readonly #results: Results;
  readonly #stoppedRuns: StoppedRuns;
  readonly #active = new Map<Assignment, { renewAt: number; stopping: AbortController }>();
  readonly #queueSeconds;
  #partitions: number[] = [];
  #announcing: Timer | undefined;
  #renewing: Timer | undefined;
  #running: Running | undefined;

  constructor(deps: StepRunnerDeps, secrets: Secrets) {
    this.#deps = deps;
    this.#secrets = secrets;
    this.#results = new Results(deps);
    this.#stoppedRuns = new StoppedRuns(deps, (runId) => this.#stop(runId));
    this.#queueSeconds = deps.metrics.histogram(
      "convergence_step_task_wait_seconds",
      "From a task's issue to its claim",
      LATENCY_SECONDS,
    );
  }

  async start(): Promise<Running> {
    const { bus, clock, instance } = this.#deps;
    await this.#stoppedRuns.start();
    this.#running = await bus.work(
      {
        group: "step-runner",
        topic: "step.tasks",
        member: instance,
        assigned: (partitions) => {
          this.#partitions = partitions.map(({ partition }) => partition);
          void this.#announce();
        },
      },
      (record, done) => this.#take(record, done),
    );
    this.#announcing = every(clock, ANNOUNCE_MS, () => void this.#announce());
    this.#renewing = every(clock, 1_000, () => this.#renew());
    return this.#running;
  }

  /** Takes no more tasks, waits for what is in flight at most `graceMs`, and says that it is gone. */
  async stop(graceMs: number): Promise<void> {
    const { bus, clock, instance } = this.#deps;
    await this.#running?.stop();
    this.#announcing?.clear();
    await bus.append([{ topic: "runners", key: instance, value: null }]).catch(() => undefined);
    const deadline = clock.now() + graceMs;
    while (this.#active.size > 0 && clock.now() < deadline) {
      await new Promise<void>((resolve) => {
        clock.after(20, resolve);
      });
    }
    this.#renewing?.clear();
    await this.#stoppedRuns.stop();
    if (this.#active.size === 0) await this.#results.flushed();
  }

  /** A run ended: what is done for it here is given up. */
  #stop(runId: string): void {
    for (const [{ task }, { stopping }] of this.#active) if (task.step.run_id === runId) stopping.abort();
  }

  async #announce(): Promise<void> {
    const { bus, clock, instance, slots, log } = this.#deps;
    const value = encode({
      type: "RunnerAnnounced",
      runner: instance,
      slots,
      partitions: this.#partitions,
      at: clock.now(),
    });
    try {
      await bus.append([{ topic: "runners", key: instance, value }]);
    } catch (error) {
      log.warn({ error: String(error) }, "could not announce the runner; it is announced again");
    }
  }

  #take(record: BusRecord, done: () => void): void {
    let assigned: Assignment;
    try {
      assigned = { task: decodeAs(record.value, STEP_TASKS_TYPES), trace: traceOf(record.headers) };
    } catch (error) {
      void this.#deadLetter(record, error, done);
      return;
    }
    done();
    void this.#run(assigned);
  }

  async #deadLetter(record: BusRecord, error: unknown, done: () => void): Promise<void> {
    const { topic, partition, offset, headers } = record;
    const about = { topic, partition, offset, ...traceFields(traceOf(headers)), error: String(error) };
    this.#deps.log.error(about, "task goes to the dead letters");
    try {
      await this.#deps.bus.dead(record, error);
      done();
    } catch {
      this.#deps.clock.after(100, () => void this.#deadLetter(record, error, done));
    }
  }

  async #run(assigned: Assignment): Promise<void> {
    const { task, trace } = assigned;
    const { clock, instance } = this.#deps;
    if (this.#stoppedRuns.has(task.step.run_id)) return;
    const now = clock.now();
    this.#queueSeconds.observe(Math.max(0, now - task.issued_at) / 1000);
    const stopping = new AbortController();
    this.#active.set(assigned, { renewAt: now + task.lease_ms / 3, stopping });
    this.#results.send({ type: "StepClaimed", ...attemptOf(assigned), runner: instance, at: now }, trace);
    const outcome = await execute(assigned, { ...this.#deps, secrets: this.#secrets }, stopping.signal);
    this.#active.delete(assigned);
    // Nobody waits for it; and if the run is not over after all, a step that was given up here has not failed.
    if (!stopping.signal.aborted || outcome.ok) this.#report(assigned, outcome);
  }

  #report(assigned: Assignment, outcome: StepOutcome): void {
    const { log } = this.#deps;
    if (outcome.ok) log.debug(aboutTask(assigned), "a step is done");
    else log.info({ ...aboutTask(assigned), error: outcome.message }, "a step failed");
    const { result } = outcome;
    const report: StepReported = {
      type: "StepReported",
      ...attemptOf(assigned),
      runner: this.#deps.instance,
      ok: outcome.ok,
      retryable: !outcome.ok && outcome.retryable,
      finished_at: this.#deps.clock.now(),
      rows_processed: result?.rows ?? null,
      bytes_processed: result?.bytes ?? null,
      error_message: outcome.ok ? null : outcome.message.slice(0, MAX_MESSAGE),
      metadata: result === null || result.metadata === null ? null : JSON.stringify(result.metadata),
    };
    this.#results.send(report, assigned.trace);
  }

  #renew(): void {
    const { clock, instance } = this.#deps;
    const now = clock.now();
    for (const [assigned, lease] of this.#active) {
      if (lease.renewAt > now) continue;
      lease.renewAt = now + assigned.task.lease_ms / 3;
      const renewed = { type: "LeaseRenewed", ...attemptOf(assigned), runner: instance, at: now } as const;
      this.#results.send(renewed, assigned.trace);
    }
  }
}

function attemptOf({ task: { tenant_id, step, attempt } }: Assignment) {
  return { tenant_id, run_id: step.run_id, index: step.index, attempt };
}
