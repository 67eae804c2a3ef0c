/** Fair turns, in simulated time: what waits of many tenants does not stand before one run of another. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type EmbeddedBus, openEmbeddedBus } from "@convergence/bus/embedded/open.ts";
import type { BusRecord } from "@convergence/bus/port.ts";
import { decode, encode, topicSpecs } from "@convergence/contracts";
import { parseTemplate } from "@convergence/pipeline";
import { startPipelineService } from "@convergence/pipeline-service";
import { metrics } from "@convergence/runtime/metrics.ts";
import { startStepRunner } from "@convergence/step-runner";
import { NO_KEYS } from "@convergence/step-runner/testing/no-secrets.ts";
import { NEW_TENANT } from "@convergence/tenant";
import { memoryWarehouse } from "@convergence/warehouse/memory/warehouse.ts";
import { TABLE_SHAPES } from "./cluster/materials.ts";
import { Prng } from "./world/prng.ts";
import { World } from "./world/world.ts";

const START = Date.UTC(2025, 10, 20, 8);
const STEP_MS = 5_000;
const TENANTS = 20;
const QUEUED = 500;
const TRIES = 50;
const PIPELINES = ["pipeline-1", "pipeline-2", "pipeline-3"];
/** 24 slots. */
const RUNNERS = ["runner-1", "runner-2", "runner-3"];
const SLOTS = 8;
const NAME = { provider: "sim", domain: "sim", name: "five" };
const PROJECT = "gac-prod-471220";

function template() {
  const text = 'steps: [{ step_id: a, type: bigquery_query, query: "SELECT 1 AS one" }]';
  const parsed = parseTemplate(text, "sim/sim/five.yml", NAME);
  if ("faults" in parsed) assert.fail(JSON.stringify(parsed.faults));
  return parsed.template;
}

/** Three pipeline-services and three runners whose steps take 5 s each. */
class Fairness {
  readonly world = new World(START);
  readonly #random = new Prng("fairness");
  readonly #bus: EmbeddedBus = openEmbeddedBus({
    file: ":memory:",
    topics: topicSpecs(12),
    clock: this.world,
    random: this.#random,
    synchronous: "normal",
    defer: this.world.defer,
  });
  /** When each run's step began, and when it was over (Unix milliseconds). */
  readonly started = new Map<string, number>();
  readonly ended = new Set<string>();
  #runs = 0;

  async start(tenants: string[]): Promise<void> {
    const five = template();
    const warehouse = memoryWarehouse({
      clock: this.world,
      project: PROJECT,
      // A step's job bears its run's id, step and try; the projections' jobs end at once.
      faults: { delayMs: (operation, id) => (operation === "job" && /_0_1$/.test(id) ? STEP_MS : 0) },
    });
    const starting = (async () => {
      await this.#bus.view({ topics: ["run.events"], from: "low" }, (record) => this.#see(record));
      for (const tenant of tenants) {
        await warehouse.createDataset(tenant, {}, "");
        for (const [table, shape] of Object.entries(TABLE_SHAPES))
          await warehouse.createTable({ dataset: tenant, table }, shape);
        await this.#bus.append([{ topic: "tenants", key: tenant, value: known(tenant) }]);
      }
      const log = {
        debug() {},
        info() {},
        warn() {},
        error: (about: object, what: string) => assert.fail(`${what} ${JSON.stringify(about)}`),
      };
      const parts = (instance: string) => ({
        bus: this.#bus.as(instance),
        clock: this.world,
        random: new Prng(instance),
        instance,
        log,
        metrics: metrics(),
      });
      for (const name of PIPELINES)
        await startPipelineService({
          ...parts(name),
          catalogue: { find: () => five, faultsOf: () => [] },
          project: PROJECT,
          leaseMs: 30_000,
          snapshotMs: 60_000,
        });
      for (const name of RUNNERS)
        await startStepRunner({
          ...parts(name),
          keys: NO_KEYS,
          warehouse,
          slots: SLOTS,
          inbox: null,
          flushMs: 1_000,
        });
    })();
    await this.until(async () => starting, 20_000);
    // Members come and go until the partitions are shared out.
    await this.world.run(this.world.now() + 30_000);
  }

  /** Lets the world go on until a promise is kept. */
  async until(what: () => Promise<unknown>, ms: number): Promise<void> {
    let isDone = false;
    const promise = what().then(() => {
      isDone = true;
    });
    await this.world.run(this.world.now() + ms, () => isDone);
    assert.ok(isDone, `not done within ${ms} ms`);
    await promise;
  }

  /** Submits runs of a tenant; their ids. */
  submit(tenant: string, count: number): string[] {
    const ids = Array.from({ length: count }, () => {
      this.#runs += 1;
      return `00000000-0000-4000-8000-${String(this.#runs).padStart(12, "0")}`;
    });
    const records = ids.map((run_id) => ({
      topic: "run.commands",
      key: tenant,
      value: encode({
        type: "SubmitRun",
        resume: null,
        tenant_version: 0,
        meta: { command_id: run_id, tenant_id: tenant, at: this.world.now(), sent_by: "g" },
        run_id,
        provider: NAME.provider,
        domain: NAME.domain,
        template: NAME.name,
        parameters: "{}",
        trigger_by: "me",
        trigger_type: "api",
        idempotency: null,
      }),
    }));
    void this.#bus.append(records);
    return ids;
  }

  /** Submits one run and gives how long it waited for its start, in milliseconds; returns once it is over. */
  async once(tenant: string): Promise<number> {
    const at = this.world.now();
    const [id = ""] = this.submit(tenant, 1);
    await this.world.run(at + 60_000, () => this.ended.has(id));
    const started = this.started.get(id);
    assert.ok(started !== undefined && this.ended.has(id), `${tenant}'s run is not over after 60 s`);
    return started - at;
  }

  async close(): Promise<void> {
    const closed = this.#bus.close();
    await this.world.run(this.world.now() + 1_000);
    await closed;
  }

  #see({ value }: BusRecord): void {
    if (value === null) return;
    const event = decode(value);
    if (event.type === "StepStarted") this.started.set(event.step.run_id, this.world.now());
    if (event.type === "RunFinished") this.ended.add(event.run.run_id);
  }
}

function known(tenant: string): Uint8Array {
  return encode({
    type: "TenantSnapshot",
    ...NEW_TENANT,
    tenant_id: tenant,
    tenant_name: tenant,
    version: 1,
    inputs: [],
    recent_commands: [],
    lifecycle: "ACTIVE",
    tier: "ENTERPRISE",
    created_at: 1,
    updated_at: 2,
  });
}

const p95 = (waits: number[]) => [...waits].sort((a, b) => a - b)[Math.ceil(waits.length * 0.95) - 1] ?? 0;

// Which pipeline-service has the tenant's partition, beside how many of the others, is up to its name.
for (const tenant of ["b", "c", "zeta"]) {
  test(`${tenant}'s run finds its turn within a step, whatever others queued; at once where slots are free`, async (t) => {
    const crowd = Array.from({ length: TENANTS }, (_, i) => `crowd_${i + 1}`);
    const fairness = new Fairness();
    await fairness.start([...crowd, tenant]);
    const alone: number[] = [];
    for (let i = 0; i < TRIES; i++) alone.push(await fairness.once(tenant));
    for (const other of crowd) fairness.submit(other, QUEUED);
    const before = fairness.ended.size;
    await fairness.world.run(fairness.world.now() + 20_000);
    const crowded: number[] = [];
    const pauses = new Prng("pauses");
    for (let i = 0; i < TRIES; i++) {
      await fairness.world.run(fairness.world.now() + pauses.int(0, STEP_MS));
      crowded.push(await fairness.once(tenant));
    }
    const done = fairness.ended.size - before;
    await fairness.close();
    t.diagnostic(
      `p95 ${p95(alone)} ms alone, ${p95(crowded)} ms in the crowd (most ${Math.max(...crowded)}), ${done} runs`,
    );
    assert.ok(done < TENANTS * QUEUED, "the queue was never empty");
    assert.ok(p95(alone) <= 250, `alone: ${p95(alone)} ms`);
    assert.ok(p95(crowded) <= STEP_MS + 250, `in the crowd: ${p95(crowded)} ms`);
  });
}
