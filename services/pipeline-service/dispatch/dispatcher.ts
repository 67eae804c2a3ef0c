import { childOf, encode, type RunnerAnnounced, traced } from "@convergence/contracts";
import { dueSteps, isHeld, type Run, stepAt, stepHead } from "@convergence/run";
import { every, sleep, type Timer } from "@convergence/runtime/clock.ts";
import { LATENCY_SECONDS } from "@convergence/runtime/metrics.ts";
import type { PipelineServiceDeps, RunLane } from "../deps.ts";
import { aboutStep, type ReadyStep, ReadySteps, stepKey } from "./ready.ts";
import { Runners, SILENT_MS } from "./runners.ts";

/** A tenant holds at most this part of all slots, so that another's step finds one free. */
const TENANT_PART = 0.8;
/** A runner with this part of the most free slots is as good as that one. */
const ABOUT_AS_FREE = 0.75;
/** Before tasks that could not be sent are sent again, in milliseconds. */
const RETRY_MS = 100;

/** A step that was handed out and is not over. */
interface InFlight {
  ready: ReadyStep;
  runner: string;
  /** When its claim runs out unless renewed, by this instance's clock. */
  expiresAt: number;
  judging: boolean;
}

/**
 * Hands ready steps to runners with a free slot, and keeps the leases. step.tasks stays shallow: a task is sent only
 * when a slot is there to take it. Leases live in memory alone: a new owner grants every open step a full term.
 */
export class Dispatcher {
  readonly #deps: PipelineServiceDeps;
  readonly #runners: Runners;
  readonly #ready = new ReadySteps();
  readonly #inFlight = new Map<string, InFlight>();
  readonly #byRunner = new Map<string, number>();
  readonly #byTenant = new Map<string, number>();
  readonly #expired: (step: ReadyStep) => Promise<void>;
  readonly #lastGiven = new Map<string, number>();
  /** How many steps were given. */
  #steps = 0;
  #due = false;
  #rotation = 0;
  #timers: Timer[] = [];

  /** `expired` is called when a step's lease is to be judged. */
  constructor(deps: PipelineServiceDeps, expired: (step: ReadyStep) => Promise<void>) {
    this.#deps = deps;
    this.#expired = expired;
    this.#runners = new Runners(deps.clock, deps.instance, () => this.#schedule());
    const { metrics } = deps;
    const ready = metrics.gauge("convergence_steps_ready", "Steps that wait for a runner's slot", [
      "instance",
    ]);
    const inFlight = metrics.gauge("convergence_steps_in_flight", "Steps handed out and not over", [
      "instance",
    ]);
    this.#waits = metrics.histogram(
      "convergence_step_queue_wait_seconds",
      "From a step's becoming ready to its being handed out",
      LATENCY_SECONDS,
    );
    this.#gauges = () => {
      ready.set({ instance: deps.instance }, this.#ready.size);
      inFlight.set({ instance: deps.instance }, this.#inFlight.size);
    };
  }
  readonly #gauges: () => void;
  readonly #waits;

  async start(): Promise<void> {
    const { bus, clock, leaseMs } = this.#deps;
    await this.#runners.start(bus);
    await this.#announce();
    this.#timers = [
      every(clock, SILENT_MS / 3, () => void this.#announce().catch(() => undefined)),
      every(clock, leaseMs / 4, () => this.#judgeLeases()),
    ];
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.clear();
    const { bus, instance } = this.#deps;
    await bus.append([{ topic: "runners", key: instance, value: null }]).catch(() => undefined);
    await this.#runners.stop();
  }

  /** Whether a runner with slots is known: what readiness asks. */
  get hasRunners(): boolean {
    return this.#runners.living().length > 0;
  }

  /** Takes up the steps of an open run that are due and not in flight already; none of one that must wait. */
  offer(lane: RunLane, tenantId: string, run: Run): void {
    const state = lane.streams.get(tenantId)?.state;
    if (state !== undefined && isHeld(state, run)) return;
    const now = this.#deps.clock.now();
    for (const index of dueSteps(run)) {
      const { attempt, try: tryNumber, planned, notBefore } = stepAt(run, index);
      const key = stepKey(run.head.run_id, index);
      if (this.#inFlight.get(key)?.ready.attempt === attempt) continue;
      this.#settle(key);
      if (notBefore > now) {
        this.#offerLater(lane, tenantId, run.head.run_id, notBefore - now);
        continue;
      }
      this.#ready.add({
        lane,
        tenantId,
        step: stepHead(run, index),
        attempt,
        try: tryNumber,
        spec: planned.spec,
        trace: run.head.trace,
        since: now,
      });
    }
    this.#schedule();
  }

  /** A step pauses after a failure: its run is looked at again then, as it stands by that time. */
  #offerLater(lane: RunLane, tenantId: string, runId: string, ms: number): void {
    this.#deps.clock.after(ms, () => {
      const run = lane.isLost ? undefined : lane.streams.get(tenantId)?.state.runs.get(runId);
      if (run !== undefined) this.offer(lane, tenantId, run);
    });
  }

  /** A runner showed that it is at this attempt: its lease holds for a full term from now. */
  renew(runId: string, index: number, attempt: number): void {
    const held = this.#inFlight.get(stepKey(runId, index));
    if (held?.ready.attempt === attempt) held.expiresAt = this.#deps.clock.now() + this.#deps.leaseMs;
  }

  /** Whether the step was handed out to a runner and is not over. */
  isInFlight(runId: string, index: number): boolean {
    return this.#inFlight.has(stepKey(runId, index));
  }

  /** A step, or its attempt, is over: it is not handed out any more, and its slot is free. */
  over(runId: string, index: number): void {
    const key = stepKey(runId, index);
    this.#ready.withdraw(key);
    this.#settle(key);
    this.#schedule();
  }

  /** A lane is lost: nothing of it is handed out any more. */
  forget(partition: number): void {
    const gone = ({ lane }: ReadyStep) => lane.partition === partition;
    this.#ready.withdrawAll(gone);
    for (const [key, { ready }] of [...this.#inFlight]) if (gone(ready)) this.#settle(key);
    this.#schedule();
  }

  #settle(key: string): void {
    const held = this.#inFlight.get(key);
    if (held === undefined) return;
    this.#inFlight.delete(key);
    count(this.#byRunner, held.runner, -1);
    count(this.#byTenant, held.ready.tenantId, -1);
  }

  /** Dispatches in a microtask of its own, so that steps that become ready together share an append. */
  #schedule(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    if (this.#ready.size > 0) {
      const taken = this.#takeForFreeSlots();
      if (taken.length > 0) void this.#send(taken);
    }
    this.#gauges();
  }

  #takeForFreeSlots(): { held: InFlight; partition: number }[] {
    const runners = this.#runners.living();
    const slots = runners.reduce((sum, runner) => sum + runner.slots, 0);
    const tenantLimit = Math.max(1, Math.ceil(slots * TENANT_PART));
    const mayTake = (tenantId: string) => (this.#byTenant.get(tenantId) ?? 0) < tenantLimit;
    const taken: { held: InFlight; partition: number }[] = [];
    for (;;) {
      const runner = this.#freest(runners);
      const ready = runner === undefined ? undefined : this.#ready.take(mayTake);
      if (runner === undefined || ready === undefined) return taken;
      const { clock, leaseMs } = this.#deps;
      const held = { ready, runner: runner.runner, expiresAt: clock.now() + leaseMs, judging: false };
      this.#inFlight.set(stepKey(ready.step.run_id, ready.step.index), held);
      this.#waits.observe(Math.max(0, clock.now() - ready.since) / 1000);
      count(this.#byRunner, runner.runner, 1);
      this.#steps += 1;
      this.#lastGiven.set(runner.runner, this.#steps);
      count(this.#byTenant, ready.tenantId, 1);
      taken.push({ held, partition: this.#partitionOf(runner) });
    }
  }

  /**
   * A runner with a free slot of this instance's share; none when all are taken. Of those with about as many free slots
   * as any, the one that was given nothing for longest: so all share the work, however short it is.
   */
  #freest(runners: RunnerAnnounced[]): RunnerAnnounced | undefined {
    const free = runners.map((runner) => {
      const share = this.#runners.share(runner.slots, this.#ready.tenants);
      return { runner, slots: share - (this.#byRunner.get(runner.runner) ?? 0) };
    });
    const most = Math.max(0, ...free.map(({ slots }) => slots));
    let chosen: RunnerAnnounced | undefined;
    for (const { runner, slots } of free) {
      if (slots <= 0 || slots < most * ABOUT_AS_FREE) continue;
      if (chosen === undefined || this.#given(runner) < this.#given(chosen)) chosen = runner;
    }
    return chosen;
  }

  /** The number of the step that the runner was given last. */
  #given({ runner }: RunnerAnnounced): number {
    return this.#lastGiven.get(runner) ?? 0;
  }

  #partitionOf({ partitions }: RunnerAnnounced): number {
    this.#rotation += 1;
    return partitions[this.#rotation % partitions.length] ?? 0;
  }

  /** A send whose outcome is unknown is repeated: an attempt handed out twice is claimed once. */
  async #send(taken: { held: InFlight; partition: number }[]): Promise<void> {
    const { bus, clock, random, instance, leaseMs } = this.#deps;
    const records = taken.map(({ held: { ready }, partition }) => ({
      topic: "step.tasks",
      key: stepKey(ready.step.run_id, ready.step.index),
      partition,
      value: encode({
        type: "StepTask",
        step: ready.step,
        tenant_id: ready.tenantId,
        attempt: ready.attempt,
        try: ready.try,
        lease_ms: leaseMs,
        spec: ready.spec,
        issued_at: clock.now(),
        issued_by: instance,
      }),
      // An attempt is a span of its own.
      ...traced(ready.trace && childOf(ready.trace, random)),
    }));
    try {
      await bus.append(records);
    } catch (error) {
      this.#deps.log.warn({ error: String(error) }, "tasks could not be sent; they are sent again");
      await sleep(clock, RETRY_MS);
      for (const { held } of taken) {
        const key = stepKey(held.ready.step.run_id, held.ready.step.index);
        if (this.#inFlight.get(key) !== held) continue;
        this.#settle(key);
        if (!held.ready.lane.isLost) this.#ready.add(held.ready);
      }
      this.#schedule();
    }
  }

  #judgeLeases(): void {
    const now = this.#deps.clock.now();
    for (const held of this.#inFlight.values()) {
      if (held.expiresAt > now || held.judging) continue;
      held.judging = true;
      void this.#judge(held);
    }
  }

  /** A lease is judged only once every result that was stored after it ran out is read. */
  async #judge(held: InFlight): Promise<void> {
    try {
      await held.ready.lane.inputsRead("step.results");
      if (held.expiresAt <= this.#deps.clock.now()) await this.#expired(held.ready);
    } catch (error) {
      const about = { ...aboutStep(held.ready), error: String(error) };
      this.#deps.log.warn(about, "a lease could not be judged; it is judged again");
    } finally {
      held.judging = false;
    }
  }

  async #announce(): Promise<void> {
    const { bus, clock, instance } = this.#deps;
    const value = encode({
      type: "DispatcherAnnounced",
      instance,
      ready_tenants: this.#ready.tenants,
      at: clock.now(),
    });
    await bus.append([{ topic: "runners", key: instance, value }]);
  }
}

function count(counts: Map<string, number>, key: string, change: number): void {
  const now = (counts.get(key) ?? 0) + change;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}
