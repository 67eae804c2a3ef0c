import path from "node:path";
import type { Cluster, ServiceName, ServiceProcess } from "../../cli/testing/cluster.ts";
import { freePort } from "../../cli/testing/process.ts";
import { until } from "../until.ts";

/** From a process's end to its next start, milliseconds. */
const RESTART_MS = 300;
/** Nine processes that start at once share two cores. */
const READY_MS = 180_000;

/** One instance of a service in its place: the same ports and data folder, a new process whenever one ends. */
export class Supervised {
  readonly name: string;
  readonly service: ServiceName;
  /** Environment of the next start beside the usual. */
  extra: Record<string, string> = {};
  /** How often it was started. */
  starts = 0;
  /** Ends that nobody here brought about, e.g. "exit code 1 at 10:00:00". */
  readonly crashes: string[] = [];
  #process: ServiceProcess | undefined;
  #place: Record<string, string> = {};
  #ending = false;
  #stopped = false;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, service: ServiceName, name: string) {
    this.#cluster = cluster;
    this.service = service;
    this.name = name;
  }

  /** `folder`: where its data goes. Resolves once the process is started, not yet ready. */
  async start(folder: string): Promise<void> {
    this.#place = {
      PORT: String(await freePort()),
      OPERATOR_PORT: String(await freePort()),
      CONVERGENCE_DATA_DIR: path.join(folder, this.name),
    };
    await this.#start();
  }

  /** Where it is reached, for a gateway. */
  get url(): string {
    return `http://127.0.0.1:${this.#place.PORT}`;
  }

  get operatorUrl(): string {
    return `http://127.0.0.1:${this.#place.OPERATOR_PORT}`;
  }

  /** Names the present process. */
  get process(): string {
    return `${this.name}#${this.starts}`;
  }

  get pid(): number {
    return this.#process?.child.pid ?? 0;
  }

  /** Resolves once the present process is ready, or a later one, should this one end before. */
  async ready(): Promise<void> {
    const isReady = () =>
      fetch(`${this.operatorUrl}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await until(`${this.process} is ready`, isReady, READY_MS);
  }

  /** Ends the present process; the next one starts by itself. Resolves with the exit code, null for a signal's. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#ending = true;
    return (await this.#process?.end(signal)) ?? null;
  }

  /** Signals the present process; what it does about it is its own. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.child.kill(signal);
  }

  /** Lets no further process start. */
  stop(): void {
    this.#stopped = true;
  }

  async #start(): Promise<void> {
    if (this.#stopped) return;
    this.#ending = false;
    this.starts += 1;
    const started = await this.#cluster.start(this.service, { ...this.#place, ...this.extra });
    this.#process = started;
    started.child.once("exit", (code, signal) => {
      if (!this.#ending && !this.#stopped) {
        this.crashes.push(
          `${this.process} ended by itself (${signal ?? `code ${code}`}) at ${new Date().toISOString()}`,
        );
      }
      setTimeout(() => void this.#start(), RESTART_MS);
    });
  }
}
