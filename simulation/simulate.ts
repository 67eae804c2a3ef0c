import { topicSpecs } from "@convergence/contracts";
import { Clients } from "./clients/clients.ts";
import { Cluster } from "./cluster/cluster.ts";
import { LEASE_MS } from "./cluster/services.ts";
import { checkHeldKeys, checkKeys } from "./oracle/final-keys.ts";
import { checkPlanned } from "./oracle/final-planned.ts";
import { checkAppends, checkProjection } from "./oracle/final-rows.ts";
import { checkDeadLetters, checkSecrets } from "./oracle/final-traces.ts";
import { checkGateways, checkOwners } from "./oracle/final-views.ts";
import { Oracle } from "./oracle/oracle.ts";
import { unrest } from "./oracle/rest.ts";
import type { Plan } from "./plan/plan.ts";
import { World } from "./world/world.ts";

/** The seed's first moment. */
const START = Date.UTC(2025, 10, 20, 8, 0, 30);
/** So long after the last fault, in milliseconds, the system must rest. */
const REST_WITHIN_MS = 240_000;
/** It must go on resting for so long: past every sweep, lease and session. */
const QUIET_MS = 25_000;

export interface Outcome {
  seed: number;
  violations: string[];
  /** What happened, a line each; empty unless asked for. */
  history: string[];
  /** Equal for two runs of one plan. */
  hash: string;
  stats: {
    tenants: number;
    commands: number;
    faults: number;
    runs: number;
    counted: number;
    records: number;
    events: number;
    virtualMs: number;
  };
}

/** Runs one plan to its end and judges it. */
export async function simulate(plan: Plan, options: { history?: boolean } = {}): Promise<Outcome> {
  const simulation = new Simulation(plan, options.history ?? false);
  return simulation.run();
}

class Simulation {
  readonly #plan: Plan;
  readonly #world = new World(START);
  readonly #violations: string[] = [];
  readonly #history: string[] = [];
  readonly #logLines: string[] = [];
  readonly #recording: boolean;
  readonly #cluster: Cluster;
  readonly #oracle: Oracle;
  readonly #clients: Clients;

  constructor(plan: Plan, recording: boolean) {
    this.#plan = plan;
    this.#recording = recording;
    const note = (what: string) => this.#note(what);
    const violation = (what: string) => this.#violation(what);
    this.#cluster = new Cluster(this.#world, plan, {
      note,
      violation,
      log: (line) => {
        this.#logLines.push(line);
        note(`. ${line}`);
      },
      appended: (records, member) => this.#oracle.appended(records, member),
    });
    this.#oracle = new Oracle({
      now: () => this.#world.now(),
      violation,
      note,
      leaseMs: LEASE_MS,
      askedOf: (instance, lane) => {
        const slot = this.#cluster.slots.find(({ process }) => process?.name === instance);
        return slot?.dealings.lanes.get(lane)?.asked ?? null;
      },
      decrypt: async (encrypted, tenantId, keyId) =>
        Buffer.from(await this.#cluster.keys.decrypt(encrypted, `${tenantId}|${keyId}|api-key`)).toString(),
    });
    this.#clients = new Clients({
      world: this.#world,
      cluster: this.#cluster,
      oracle: this.#oracle,
      seed: plan.seed,
      note,
      violation,
    });
  }

  async run(): Promise<Outcome> {
    const unhandled = (reason: unknown) => {
      this.#violation(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}`);
    };
    process.on("unhandledRejection", unhandled);
    try {
      await this.#play();
    } catch (error) {
      this.#violation(`the simulation broke: ${error instanceof Error ? error.stack : String(error)}`);
    } finally {
      process.off("unhandledRejection", unhandled);
      await this.#close();
    }
    return this.#outcome();
  }

  async #play(): Promise<void> {
    const { faults, commands, faultsEnd } = this.#plan;
    await this.#watchTopics();
    this.#cluster.start();
    for (const [i, command] of commands.entries()) {
      this.#world.after(command.at, () => this.#clients.give(command, i));
    }
    for (const [i, fault] of faults.entries()) {
      this.#world.after(fault.at, () => this.#cluster.begin(fault, i));
    }
    await this.#world.run(START + faultsEnd, () => this.#violations.length > 0);
    if (this.#violations.length > 0) return;
    this.#cluster.trouble.end();
    this.#clients.giveUp();
    this.#note("the faults are over");
    if (!(await this.#rests())) return;
    if (this.#plan.restartAtRest) {
      for (const { name } of this.#plan.slots) void this.#cluster.restart(name, 200);
      await this.#world.run(this.#world.now() + 2_000);
      if (!(await this.#rests())) return;
    }
    await this.#judge();
  }

  async #watchTopics(): Promise<void> {
    const { bus } = this.#cluster;
    const topics = topicSpecs(1).map(({ name }) => name);
    const watching = bus.view({ topics, from: "low", member: "oracle" }, (record) =>
      this.#oracle.see(record),
    );
    await this.#world.run(START);
    (await watching).failed.catch((error) => this.#violation(`the oracle broke: ${error.stack}`));
  }

  /** Waits until the system rests, then sees that it goes on resting. */
  async #rests(): Promise<boolean> {
    const { partitions } = this.#plan;
    const deadline = this.#world.now() + REST_WITHIN_MS;
    const why = () => unrest(this.#oracle, this.#cluster, this.#clients, partitions);
    while (why().length > 0) {
      if (this.#violations.length > 0) return false;
      if (this.#world.now() >= deadline) {
        this.#violation(`the system does not come to rest: ${why().slice(0, 5).join("; ")}`);
        return false;
      }
      await this.#world.run(this.#world.now() + 1_000, () => this.#violations.length > 0);
    }
    this.#note("the system rests");
    const { counted } = this.#oracle;
    await this.#world.run(this.#world.now() + QUIET_MS, () => this.#violations.length > 0);
    if (this.#oracle.counted !== counted)
      this.#violation("something happened after the system had come to rest");
    for (const reason of why()) this.#violation(`the system did not stay at rest: ${reason}`);
    return this.#violations.length === 0;
  }

  async #judge(): Promise<void> {
    const violation = (what: string) => this.#violation(what);
    const [oracle, cluster] = [this.#oracle, this.#cluster];
    checkOwners(oracle, cluster, violation);
    checkProjection(oracle, cluster.warehouse, violation);
    checkAppends(oracle, cluster.warehouse, violation);
    checkKeys(oracle, cluster, this.#world.now(), violation);
    checkHeldKeys(oracle, this.#clients, violation);
    checkDeadLetters(oracle, violation);
    await checkSecrets(oracle, cluster, this.#logLines, violation);
    const checked = checkGateways(oracle, cluster, violation).then(() =>
      checkPlanned(oracle, cluster, violation),
    );
    checked.catch((error) => violation(`a gateway's view could not be read: ${String(error)}`));
    await this.#world.run(this.#world.now() + 5_000);
  }

  /** Nothing of this world goes on afterwards. */
  async #close(): Promise<void> {
    const closed = this.#cluster.close();
    await this.#world.run(this.#world.now() + 1_000);
    await closed;
    for (const { files } of this.#cluster.slots) {
      files?.views.close();
      files?.outbox.close();
    }
  }

  #violation(what: string): void {
    if (this.#violations.length < 20) this.#violations.push(what);
    this.#note(`VIOLATION ${what}`);
  }

  #note(what: string): void {
    if (this.#recording) this.#history.push(`${((this.#world.now() - START) / 1_000).toFixed(3)} ${what}`);
  }

  #outcome(): Outcome {
    const { oracle, cluster } = { oracle: this.#oracle, cluster: this.#cluster };
    const struck = [...cluster.trouble.struck.values()].reduce((sum, n) => sum + n, 0);
    return {
      seed: this.#plan.seed,
      violations: this.#violations,
      history: this.#history,
      hash: `${oracle.checksum.toString(16)}-${oracle.records.length}-${this.#world.events}`,
      stats: {
        tenants: oracle.tenantStreams.size,
        commands: oracle.commands.size,
        faults: struck,
        runs: oracle.runs.byId.size,
        counted: oracle.counted,
        records: oracle.records.length,
        events: this.#world.events,
        virtualMs: this.#world.now() - START,
      },
    };
  }
}
