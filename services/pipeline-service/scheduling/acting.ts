import { type Concurrency, type StepHead, traceFields } from "@convergence/contracts";
import {
  decideLeaseExpired,
  type Run,
  type RunEvent,
  type RunFact,
  type TenantRuns,
  underWay,
} from "@convergence/run";
import { type Clock, sleep } from "@convergence/runtime/clock.ts";
import { LATENCY_SECONDS } from "@convergence/runtime/metrics.ts";
import type { Acts, Input, Stream, WriterLog } from "@convergence/writer";
import { Admitting } from "../admission/admit.ts";
import type { Tenants } from "../admission/tenants.ts";
import type { PipelineServiceDeps, RunLane } from "../deps.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import { aboutStep } from "../dispatch/ready.ts";
import type { RunInput } from "../model.ts";
import { Deadlines } from "./deadlines.ts";
import { Places } from "./places.ts";
import { PlannedRuns } from "./planned-runs.ts";
import { Stopping } from "./stopping.ts";

/** Before the tenants are asked for again, in milliseconds. */
const RETRY_MS = 100;

/** What follows from a run's folded state: which steps are handed out, renewed, given back. */
export class Scheduling implements Acts<TenantRuns, RunEvent, RunFact> {
  readonly dispatcher: Dispatcher;
  readonly #deadlines: Deadlines;
  readonly #stopping: Stopping;
  readonly #planned: PlannedRuns;
  readonly #places: Places;
  readonly #tenants: Pick<Tenants, "caughtUp">;
  readonly #clock: Clock;
  readonly #log: WriterLog;
  readonly #count: (event: RunEvent) => void;

  constructor(deps: PipelineServiceDeps, tenants: Pick<Tenants, "caughtUp" | "find">) {
    this.#tenants = tenants;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#count = counting(deps);
    this.#deadlines = new Deadlines(deps);
    this.#stopping = new Stopping(deps);
    this.#planned = new PlannedRuns(deps, new Admitting(tenants, deps));
    this.#places = new Places(deps, tenants);
    this.dispatcher = new Dispatcher(deps, (ready) => {
      const { lane, tenantId, step, attempt, trace } = ready;
      deps.log.warn(aboutStep(ready), "a lease ran out; the step is handed out again");
      const lease = { runId: step.run_id, index: step.index, attempt };
      return lane.propose(tenantId, (state) => decideLeaseExpired(state, lease), trace);
    });
  }

  async start(): Promise<void> {
    await this.dispatcher.start();
    this.#deadlines.start();
    this.#planned.start();
  }

  async stop(): Promise<void> {
    this.#deadlines.stop();
    this.#planned.stop();
    await this.dispatcher.stop();
  }

  /** A tenant's quota may be another, or it may be suspended or resumed. */
  tenantChanged(tenantId: string): void {
    this.#places.tenantChanged(tenantId);
  }

  gained(lane: RunLane): void {
    this.#places.gained(lane);
    for (const [tenantId, { state }] of lane.streams) {
      this.#planned.gained(lane, tenantId, state);
      for (const run of state.runs.values()) {
        this.dispatcher.offer(lane, tenantId, run);
        this.#deadlines.watch(lane, tenantId, run);
      }
    }
  }

  folded(lane: RunLane, event: RunEvent, { state }: Stream<TenantRuns>): void {
    this.#count(event);
    this.#tell(event);
    this.#planned.folded(lane, event, state);
    const { tenant_id: tenantId } = event.meta;
    switch (event.type) {
      case "RunAccepted":
        if (event.waits) this.#places.giveOut(lane, tenantId, state);
        this.#offer(lane, tenantId, state.runs.get(event.run.run_id));
        break;
      case "RunReleased":
        this.#offer(lane, tenantId, state.runs.get(event.run_id));
        break;
      case "StepStarted":
        this.dispatcher.renew(event.step.run_id, event.step.index, event.attempt);
        this.#watch(lane, tenantId, state.runs.get(event.step.run_id));
        break;
      case "StepReissued":
        this.dispatcher.over(event.step.run_id, event.step.index);
        this.#offer(lane, tenantId, state.runs.get(event.step.run_id));
        break;
      case "StepFinished":
        if (event.status === "CANCELLED") this.#stop(tenantId, event.step);
        this.dispatcher.over(event.step.run_id, event.step.index);
        this.#offer(lane, tenantId, state.runs.get(event.step.run_id));
        break;
      case "RunFinished":
        this.#deadlines.over(event.run.run_id);
        this.#places.giveOut(lane, tenantId, state);
        this.#letNext(lane, tenantId, event.run.concurrency, state);
        break;
      case "RunCancelAccepted":
      case "RunCancelRejected":
      case "RunRejected":
      case "RunRepeated":
      case "OpenRunsCancelled":
      case "ScheduleSet":
      case "ScheduleTold":
      case "ScheduleDeleted":
      case "SlotsPassed":
      case "BackfillAccepted":
      case "BackfillCancelled":
      case "OrderRejected":
        break;
    }
  }

  handled(lane: RunLane, input: Input | RunInput): void {
    if (!("run_id" in input) || !("attempt" in input)) return;
    const { run_id: runId, tenant_id: tenantId } = input;
    this.dispatcher.renew(runId, input.index, input.attempt);
    const renews = "type" in input && input.type === "LeaseRenewed";
    if (renews && !isOpen(lane, tenantId, runId)) void this.#tellAgain(lane, tenantId, runId);
  }

  /** An owner that was deposed does not know the runs of its successor: it must prove that it still is the owner. */
  async #tellAgain(lane: RunLane, tenantId: string, runId: string): Promise<void> {
    try {
      await lane.guard();
    } catch {
      return;
    }
    if (!isOpen(lane, tenantId, runId)) this.#stopping.tell(tenantId, runId);
  }

  waiting(lane: RunLane, tenantId: string): void {
    void this.#releaseOnceKnown(lane, tenantId);
  }

  /** While the bus is away nobody is told that a tenant does not exist. */
  async #releaseOnceKnown(lane: RunLane, tenantId: string): Promise<void> {
    while (!lane.isLost) {
      try {
        await this.#tenants.caughtUp();
        lane.release(tenantId);
        return;
      } catch (error) {
        this.#log.warn({ error: String(error) }, "tenants cannot be read; commands wait");
        await sleep(this.#clock, RETRY_MS);
      }
    }
  }

  lost(partition: number): void {
    this.#places.lost(partition);
    this.dispatcher.forget(partition);
    this.#deadlines.forget(partition);
    this.#planned.forget(partition);
  }

  /** One line a run at level info, its alerts as errors, the others at debug. */
  #tell(event: RunEvent): void {
    const { tenant_id } = event.meta;
    if (event.type === "StepFinished" && event.alert) {
      const { run_id, step_id } = event.step;
      this.#log.error(
        { tenant_id, run_id, step: step_id, error: event.error_message },
        "a step failed: alert",
      );
    }
    if (event.type === "RunAccepted") {
      const { run_id, pipeline_id, trace } = event.run;
      this.#log.debug({ tenant_id, run_id, pipeline_id, ...traceFields(trace) }, "a run is accepted");
    } else if (event.type === "RunFinished") {
      const { run_id, pipeline_id, trace, accepted_at } = event.run;
      const { status, error_message, finished_at } = event;
      const outcome = { status, ms: finished_at - accepted_at, error_message };
      this.#log.info({ tenant_id, run_id, pipeline_id, ...outcome, ...traceFields(trace) }, "a run ended");
    }
  }

  /** A run ended: another that waited for its place may begin. */
  #letNext(lane: RunLane, tenantId: string, concurrency: Concurrency | null, state: TenantRuns): void {
    if (concurrency === null) return;
    for (const run of underWay(state, concurrency)) this.#offer(lane, tenantId, run);
  }

  #watch(lane: RunLane, tenantId: string, run: Run | undefined): void {
    if (run !== undefined) this.#deadlines.watch(lane, tenantId, run);
  }

  /** A step ended without a result: a runner may be at it. */
  #stop(tenantId: string, { run_id, index }: StepHead): void {
    if (this.dispatcher.isInFlight(run_id, index)) this.#stopping.tell(tenantId, run_id);
  }

  #offer(lane: RunLane, tenantId: string, run: Run | undefined): void {
    if (run !== undefined) this.dispatcher.offer(lane, tenantId, run);
  }
}

function isOpen(lane: RunLane, tenantId: string, runId: string): boolean {
  return lane.streams.get(tenantId)?.state.runs.has(runId) === true;
}

function counting({ metrics }: PipelineServiceDeps): (event: RunEvent) => void {
  const labels = ["provider", "domain", "template", "outcome"] as const;
  const runs = metrics.counter("convergence_runs_total", "Runs that ended, by outcome", labels);
  const duration = metrics.histogram(
    "convergence_run_duration_seconds",
    "From a run's acceptance to its end",
    LATENCY_SECONDS,
    ["provider", "domain", "template"],
  );
  const steps = metrics.counter("convergence_steps_total", "Steps that ended, by type and outcome", [
    "type",
    "outcome",
  ]);
  const alerts = metrics.counter(
    "convergence_step_alerts_total",
    "Failed steps whose template says on_failure: alert",
    ["type"],
  );
  const rejected = metrics.counter("convergence_runs_rejected_total", "Runs refused, by reason", ["reason"]);
  return (event) => {
    if (event.type === "RunFinished") {
      const { provider, domain, template, accepted_at } = event.run;
      runs.inc({ provider, domain, template, outcome: event.status });
      duration.observe({ provider, domain, template }, (event.finished_at - accepted_at) / 1000);
    } else if (event.type === "StepFinished") {
      steps.inc({ type: event.step.step_type, outcome: event.status });
      if (event.alert) alerts.inc({ type: event.step.step_type });
    } else if (event.type === "RunRejected") {
      rejected.inc({ reason: event.reason });
    }
  };
}
