import { type StepHead, type Trace, traceFields } from "@convergence/contracts";
import type { RunLane } from "../deps.ts";

/** A step that may be handed out. */
export interface ReadyStep {
  lane: RunLane;
  tenantId: string;
  step: StepHead;
  attempt: number;
  try: number;
  spec: string;
  /** Of the run. */
  trace: Trace | null;
  /** When it became ready, Unix milliseconds. */
  since: number;
}

/** A step as log lines tell it. */
export function aboutStep({ tenantId, step, attempt, trace }: ReadyStep) {
  return { tenant_id: tenantId, run_id: step.run_id, step: step.step_id, attempt, ...traceFields(trace) };
}

/** Names a step across runs. */
export function stepKey(runId: string, index: number): string {
  return `${runId}/${index}`;
}

/**
 * The steps that wait for a slot, in a queue for each tenant; tenants take turns. No tenant's backlog stands before
 * another's step: one that comes anew is first, then behind all others until each had its turn (as in fq_codel, RFC 8290).
 */
export class ReadySteps {
  readonly #byTenant = new Map<string, ReadyStep[]>();
  /** Tenants that came anew, in order. */
  readonly #fresh = new Set<string>();
  /** Tenants by whose turn it is; one stays for a round though nothing of it waits, lest it come anew too often. */
  readonly #turns = new Set<string>();
  /** The steps that wait, each with its attempt. A step in a queue that is not here was withdrawn. */
  readonly #waiting = new Map<string, number>();

  /** How many steps wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** How many tenants have a step that waits. */
  get tenants(): number {
    return this.#byTenant.size;
  }

  add(ready: ReadyStep): void {
    const key = keyOf(ready);
    if (this.#waiting.get(key) === ready.attempt) return;
    this.#waiting.set(key, ready.attempt);
    const queue = this.#byTenant.get(ready.tenantId);
    if (queue !== undefined) return void queue.push(ready);
    this.#byTenant.set(ready.tenantId, [ready]);
    if (!this.#turns.has(ready.tenantId)) this.#fresh.add(ready.tenantId);
  }

  /** Takes the next tenant's first step; tenants for whom `mayTake` is false are passed over this time. */
  take(mayTake: (tenantId: string) => boolean): ReadyStep | undefined {
    return this.#takeOf(this.#fresh, mayTake) ?? this.#takeOf(this.#turns, mayTake);
  }

  #takeOf(tenants: Set<string>, mayTake: (tenantId: string) => boolean): ReadyStep | undefined {
    for (const tenantId of tenants) {
      const queue = this.#byTenant.get(tenantId);
      if (queue === undefined) tenants.delete(tenantId);
      if (queue === undefined || !mayTake(tenantId)) continue;
      const ready = this.#first(queue);
      if (queue.length === 0) this.#byTenant.delete(tenantId);
      tenants.delete(tenantId);
      if (ready === undefined) continue;
      // Behind all others, for the next turn.
      this.#turns.add(tenantId);
      return ready;
    }
    return undefined;
  }

  #first(queue: ReadyStep[]): ReadyStep | undefined {
    for (let ready = queue.shift(); ready !== undefined; ready = queue.shift()) {
      const key = keyOf(ready);
      if (this.#waiting.get(key) !== ready.attempt) continue;
      this.#waiting.delete(key);
      return ready;
    }
    return undefined;
  }

  /** The step is not to be handed out any more. */
  withdraw(key: string): void {
    this.#waiting.delete(key);
  }

  /** Withdraws the steps that `gone` is true for. They leave their queues: the same attempts may come again. */
  withdrawAll(gone: (ready: ReadyStep) => boolean): void {
    for (const [tenantId, queue] of this.#byTenant) {
      const [left, stays] = [queue.filter(gone), queue.filter((ready) => !gone(ready))];
      for (const ready of left) this.#waiting.delete(keyOf(ready));
      if (stays.length > 0) this.#byTenant.set(tenantId, stays);
      else this.#byTenant.delete(tenantId);
    }
  }
}

function keyOf({ step }: ReadyStep): string {
  return stepKey(step.run_id, step.index);
}
