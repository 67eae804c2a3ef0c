import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { BrokerOptions, KafkaBroker } from "./broker.ts";
import { SINGLE_NODE } from "./broker-properties.ts";

const VERSION = "4.4.0";
const START_WITHIN_MS = 60_000;
/** A small broker that starts fast rather than one that runs fast for long. */
const JVM = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN"];

const run = promisify(execFile);

/** Whether Java 17 or newer and Maven are there. */
export async function javaAndMaven(): Promise<boolean> {
  try {
    // `java -version` prints to standard error, e.g. `openjdk version "17.0.15" 2025-04-15`.
    const { stderr } = await run("java", ["-version"]);
    await run("mvn", ["-v"]);
    return Number(/version "(\d+)/.exec(stderr)?.[1]) >= 17;
  } catch {
    return false;
  }
}

/** A broker from its own jars, fetched once by Maven into the user's cache. */
export async function jarsBroker(options: BrokerOptions): Promise<KafkaBroker> {
  const lib = await jars();
  const [port, controller] = [options.port ?? (await freePort()), await freePort()];
  const dir = await mkdtemp(path.join(tmpdir(), "kafka-"));
  const config = path.join(dir, "server.properties");
  await writeFile(config, properties(port, controller, path.join(dir, "data"), options.properties));
  const java = (...args: string[]) => [...JVM, "-cp", path.join(lib, "*"), ...args];
  await run("java", java("kafka.tools.StorageTool", "format", "-t", clusterId(), "-c", config));
  const broker = new JarsBroker(java("kafka.Kafka", config), port, dir);
  await broker.start();
  return broker;
}

class JarsBroker implements KafkaBroker {
  readonly kind = `Kafka ${VERSION} from its jars`;
  readonly address: string;
  readonly #command: string[];
  readonly #port: number;
  readonly #dir: string;
  #process: ChildProcess | undefined;
  readonly #killWithUs = () => this.#process?.kill("SIGKILL");

  constructor(command: string[], port: number, dir: string) {
    this.address = `127.0.0.1:${port}`;
    this.#command = command;
    this.#port = port;
    this.#dir = dir;
  }

  async start(): Promise<void> {
    const output = openSync(path.join(this.#dir, "broker.out"), "a");
    const child = spawn("java", this.#command, { cwd: this.#dir, stdio: ["ignore", output, output] });
    closeSync(output);
    child.unref();
    this.#process = child;
    process.on("exit", this.#killWithUs);
    const deadline = performance.now() + START_WITHIN_MS;
    while (!(await listens(this.#port))) {
      if (child.exitCode !== null || performance.now() > deadline) {
        const printed = readFileSync(path.join(this.#dir, "broker.out"), "utf8").slice(-2_000);
        throw new Error(`the Kafka broker did not start on port ${this.#port}:\n${printed}`);
      }
      await pause(50);
    }
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    process.off("exit", this.#killWithUs);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.ref();
    child.kill("SIGTERM");
    const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(hard);
  }

  async pause(): Promise<void> {
    this.#process?.kill("SIGSTOP");
  }

  async resume(): Promise<void> {
    this.#process?.kill("SIGCONT");
  }

  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

function properties(
  port: number,
  controller: number,
  data: string,
  more: Readonly<Record<string, string>> = {},
): string {
  const all = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "log.dirs": data,
    ...SINGLE_NODE,
    ...more,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

/** The folder with the broker's jars; fetched by Maven at first use, whole or not at all. */
async function jars(): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache");
  const lib = path.join(cache, "convergence", `kafka-${VERSION}`);
  if (existsSync(lib)) return lib;
  mkdirSync(path.dirname(lib), { recursive: true });
  const fetched = await mkdtemp(`${lib}-`);
  await writeFile(path.join(fetched, "pom.xml"), POM);
  const target = path.join(fetched, "lib");
  try {
    await run("mvn", ["-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${target}`], {
      cwd: fetched,
    });
    // Another process may have been faster: its folder is as good.
    await rename(target, lib).catch((error: unknown) => {
      if (!existsSync(lib)) throw error;
    });
  } catch (error) {
    throw new Error("Maven could not fetch the Kafka broker's jars: see the cause", { cause: error });
  } finally {
    await rm(fetched, { recursive: true, force: true });
  }
  return lib;
}

/** The broker logs through SLF4J, so a binding comes along. */
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>convergence</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.5</version>
    </dependency>
  </dependencies>
</project>
`;

/** Kafka's form of a UUID: 22 characters of URL-safe base64. A leading "-" would look like an option. */
function clusterId(): string {
  const id = Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url");
  return id.startsWith("-") ? clusterId() : id;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
