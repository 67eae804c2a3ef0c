import { closeSync, cpSync, mkdirSync, openSync } from "node:fs";
import path from "node:path";
import { type KafkaBroker, startBroker } from "@convergence/bus/kafka/testing/broker.ts";
import { adminOf } from "@convergence/bus/kafka/testing/harness.ts";
import { type Cluster, cluster, type ServiceName, type ServiceProcess } from "../../cli/testing/cluster.ts";
import { Prng } from "../../simulation/world/prng.ts";
import { Supervised } from "./supervised.ts";
import { type WarehouseProxy, warehouseProxy } from "./warehouse-proxy.ts";

const root = path.dirname(path.dirname(import.meta.dirname));

/** How many of each: two of everything, so that each can be taken away; a third runner to share with. */
const INSTANCES: Record<ServiceName, number> = {
  gateway: 2,
  "tenant-service": 2,
  "pipeline-service": 2,
  "step-runner": 3,
};

/** Groups that lose and gain members. */
export type Group = "pipeline-service" | "step-runner";

/** The platform under test, all of it in processes of their own. */
export class System {
  readonly broker: KafkaBroker;
  readonly cluster: Cluster;
  readonly proxy: WarehouseProxy;
  readonly instances: Supervised[] = [];
  readonly #folder: string;
  readonly #output: number;
  readonly #environment: Record<string, string>;

  private constructor(
    folder: string,
    output: number,
    parts: { broker: KafkaBroker; cluster: Cluster; proxy: WarehouseProxy },
  ) {
    this.#folder = folder;
    this.#output = output;
    this.broker = parts.broker;
    this.cluster = parts.cluster;
    this.proxy = parts.proxy;
    this.#environment = {
      BIGQUERY_ENDPOINT: parts.proxy.url,
      CONVERGENCE_CONFIGS_DIR: path.join(folder, "configs"),
      LOG_LEVEL: "info",
      // More at a time would only wait at the one local BigQuery.
      RUNNER_SLOTS: "16",
    };
  }

  /** Starts everything in `folder` and waits until it is ready. What processes print is in its file output.log. */
  static async start(folder: string, seed: string): Promise<System> {
    makeConfigs(folder);
    const output = openSync(path.join(folder, "output.log"), "a");
    // One clock for all records, since the services' own are made to differ.
    const broker = await startBroker({ properties: { "log.message.timestamp.type": "LogAppendTime" } });
    const started = await cluster(broker.address, { folder, output });
    const proxy = await warehouseProxy(started.bigQueryUrl, new Prng(`chaos/proxy/${seed}`));
    const system = new System(folder, output, { broker, cluster: started, proxy });
    // Kills at once what it has started, where this process ends early.
    process.on("exit", () => void started.close());
    try {
      await system.#startAll();
    } catch (error) {
      await system.close();
      throw error;
    }
    return system;
  }

  async #startAll(): Promise<void> {
    for (const [service, count] of Object.entries(INSTANCES)) {
      if (!isService(service)) continue;
      for (let n = 1; n <= count; n += 1) {
        const instance = new Supervised(this.cluster, service, `${service}-${n}`);
        instance.extra = { ...this.#environment };
        this.instances.push(instance);
        await instance.start(this.#folder);
      }
    }
    await this.ready();
  }

  of(service: ServiceName): Supervised[] {
    return this.instances.filter((instance) => instance.service === service);
  }

  get gateways(): Supervised[] {
    return this.of("gateway");
  }

  async ready(): Promise<void> {
    await Promise.all(this.instances.map((instance) => instance.ready()));
  }

  /** A further instance, which nobody restarts. */
  startGuest(service: ServiceName): Promise<ServiceProcess> {
    return this.cluster.start(service, this.#environment);
  }

  /** How many members a group has. */
  async members(group: Group): Promise<number> {
    const admin = adminOf(this.broker.address);
    await admin.connect();
    try {
      const { groups } = await admin.describeGroups([group]);
      return groups[0]?.members.length ?? 0;
    } finally {
      await admin.disconnect();
    }
  }

  /** Starts the broker after its stop. On a busy machine it may need longer than it is given: then once more. */
  async startBroker(): Promise<void> {
    try {
      await this.broker.start();
    } catch {
      await this.broker.stop();
      await this.broker.start();
    }
  }

  async close(): Promise<void> {
    for (const instance of this.instances) instance.stop();
    await this.cluster.close();
    this.proxy.close();
    await this.broker.dispose();
    closeSync(this.#output);
  }
}

/** The platform's own configs with the load's templates beside them. */
function makeConfigs(folder: string): void {
  const configs = path.join(folder, "configs");
  cpSync(path.join(root, "configs"), configs, { recursive: true });
  mkdirSync(path.join(configs, "gcp", "chaos"));
  cpSync(path.join(root, "chaos", "templates"), path.join(configs, "gcp", "chaos"), { recursive: true });
}

function isService(name: string): name is ServiceName {
  return name in INSTANCES;
}
