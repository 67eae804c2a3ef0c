import type { Bus } from "@convergence/bus";
import { encode } from "@convergence/contracts";
import type { RunFact } from "@convergence/run";
import { plannedStep } from "@convergence/run/testing.ts";

/** Writes run.events as their one writer does: under a claim, with each tenant's next version. */
export class RunLog {
  readonly #bus: Bus;
  readonly #epochs = new Map<number, number>();
  readonly #versions = new Map<string, number>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Appends whole runs, one of each tenant named: accepted, one step begun and ended, complete. */
  async runs(runs: { tenant: string; id: string }[]): Promise<void> {
    const records: { topic: string; key: string; value: Uint8Array }[] = [];
    for (const { tenant, id } of runs) {
      const epoch = await this.#epoch(this.#bus.partitionOf("run.events", tenant));
      for (const fact of wholeRun(tenant, id)) {
        const version = (this.#versions.get(tenant) ?? 0) + 1;
        this.#versions.set(tenant, version);
        const meta = { tenant_id: tenant, epoch, version, at: AT, cause: null };
        records.push({ topic: "run.events", key: tenant, value: encode({ ...fact, meta }) });
      }
    }
    await this.#bus.append(records);
  }

  async #epoch(partition: number): Promise<number> {
    const known = this.#epochs.get(partition);
    if (known !== undefined) return known;
    const value = encode({ type: "Claimed", follows: -1, nonce: "n", writer: "test", at: AT });
    const [offset = -1] = await this.#bus.append([{ topic: "run.events", key: "claim", partition, value }]);
    this.#epochs.set(partition, offset);
    return offset;
  }
}

const AT = 1_763_200_000_000;

function wholeRun(tenant: string, id: string): RunFact[] {
  const run = {
    run_id: id,
    tenant_name: tenant,
    pipeline_id: `${tenant}-gcp-cost-t`,
    provider: "gcp",
    domain: "cost",
    template: "t",
    config_version: "c",
    trigger_type: "api",
    trigger_by: "me",
    parameters: "{}",
    run_date: null,
    timeout_ms: null,
    concurrency: null,
    slot: null,
    backfill: null,
    accepted_at: AT,
    trace: null,
  } as const;
  const head = { step_id: "s", step_type: "noop" };
  const step = { ...head, run_id: id, tenant_name: tenant, index: 0, run_accepted_at: AT };
  return [
    {
      type: "RunAccepted",
      command_id: `c-${id}`,
      idempotency: null,
      requested_at: AT,
      run,
      steps: [plannedStep("s")],
      waits: false,
    },
    { type: "StepStarted", step, run_version: 2, attempt: 1, try: 1, runner: "r", started_at: AT + 1 },
    {
      type: "StepFinished",
      step,
      run_version: 3,
      status: "COMPLETE",
      attempt: 1,
      started_at: AT + 1,
      finished_at: AT + 2,
      rows_processed: 1,
      bytes_processed: 1,
      error_message: null,
      alert: false,
      metadata: null,
      runner: "r",
    },
    {
      type: "RunFinished",
      run,
      run_version: 4,
      status: "COMPLETE",
      error_message: null,
      finished_at: AT + 3,
    },
  ];
}

/** Waits for a condition, at most `ms` milliseconds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 20_000,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
