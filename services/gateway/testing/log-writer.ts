import type { Bus } from "@convergence/bus";
import { encode, type RunEventsMessage, type SubmitRun } from "@convergence/contracts";
import type { RunEvent } from "@convergence/run";
import { plannedStep } from "@convergence/run/testing.ts";

type WithoutMeta<E> = E extends RunEvent ? Omit<E, "meta"> : never;

/** Writes run.events as their one writer does: under a claim, with each tenant's next version. */
export class LogWriter {
  readonly #bus: Bus;
  readonly #claims = new Map<number, number>();
  readonly #versions = new Map<string, number>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  async append(tenantId: string, facts: WithoutMeta<RunEvent>[], at = 1_000): Promise<void> {
    const partition = this.#bus.partitionOf("run.events", tenantId);
    const epoch = this.#claims.get(partition) ?? (await this.claim(partition));
    const events = facts.map((fact): RunEventsMessage => {
      const version = (this.#versions.get(tenantId) ?? 0) + 1;
      this.#versions.set(tenantId, version);
      return { ...fact, meta: { tenant_id: tenantId, epoch, version, at, cause: null } };
    });
    await this.raw(tenantId, events);
  }

  /** Takes a partition: as the next owner would. */
  async claim(partition: number): Promise<number> {
    const follows = this.#claims.get(partition) ?? -1;
    const value = encode({ type: "Claimed", follows, nonce: "n", writer: "test", at: 0 });
    const [offset = -1] = await this.#bus.append([{ topic: "run.events", key: "", partition, value }]);
    this.#claims.set(partition, offset);
    return offset;
  }

  async raw(tenantId: string, events: RunEventsMessage[]): Promise<void> {
    await this.#bus.append(
      events.map((event) => ({ topic: "run.events", key: tenantId, value: encode(event) })),
    );
  }
}

/** The head of the run that a command asks for. */
export function runHead(command: SubmitRun, at: number) {
  const { run_id, provider, domain, template, trigger_by, trigger_type, parameters } = command;
  return {
    run_id,
    tenant_name: command.meta.tenant_id,
    pipeline_id: `${command.meta.tenant_id}-${provider}-${domain}-${template}`,
    provider,
    domain,
    template,
    config_version: "c0ffee",
    trigger_type,
    trigger_by,
    parameters,
    run_date: null,
    timeout_ms: null,
    concurrency: null,
    slot: null,
    backfill: null,
    accepted_at: at,
    trace: null,
  };
}

/** The acceptance of a command, with steps of these names. */
export function acceptance(command: SubmitRun, steps: string[], at: number): WithoutMeta<RunEvent> {
  return {
    type: "RunAccepted",
    command_id: command.meta.command_id,
    idempotency: command.idempotency,
    requested_at: command.meta.at,
    run: runHead(command, at),
    steps: steps.map((step_id) => plannedStep(step_id)),
    waits: false,
  };
}

/** The life of an accepted run's steps, one after another, to COMPLETE. */
export function completion(command: SubmitRun, steps: string[], at: number): WithoutMeta<RunEvent>[] {
  const facts = steps.flatMap((step_id, index): WithoutMeta<RunEvent>[] => {
    const step = {
      tenant_name: command.meta.tenant_id,
      run_id: command.run_id,
      index,
      step_id,
      step_type: "noop",
      run_accepted_at: at,
    };
    return [
      {
        type: "StepStarted",
        step,
        run_version: 2 + 2 * index,
        attempt: 1,
        try: 1,
        runner: "r",
        started_at: at + 10 * index,
      },
      {
        type: "StepFinished",
        step,
        run_version: 3 + 2 * index,
        status: "COMPLETE",
        attempt: 1,
        started_at: at + 10 * index,
        finished_at: at + 10 * index + 5,
        rows_processed: 7,
        bytes_processed: 70,
        error_message: null,
        alert: false,
        metadata: null,
        runner: "r",
      },
    ];
  });
  const finished: WithoutMeta<RunEvent> = {
    type: "RunFinished",
    run: runHead(command, at),
    run_version: 2 + 2 * steps.length,
    status: "COMPLETE",
    error_message: null,
    finished_at: at + 10 * steps.length,
  };
  return [...facts, finished];
}
