import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { StartedTestContainer } from "testcontainers";
import type { BrokerOptions, KafkaBroker } from "./broker.ts";
import { freePort } from "./broker-jars.ts";
import { SINGLE_NODE } from "./broker-properties.ts";

const IMAGE = "apache/kafka:4.4.0";
const run = promisify(execFile);

/** Whether a Docker engine answers; the client alone is not enough. */
export async function dockerAnswers(): Promise<boolean> {
  try {
    const { stdout } = await run("docker", ["version", "--format", "{{.Server.Version}}"], {
      timeout: 10_000,
    });
    return stdout.trim() !== "";
  } catch {
    return false;
  }
}

/**
 * A broker in a container. The host port is chosen first, since the broker must tell its clients where it is
 * reached before Docker would say so.
 */
export async function containerBroker(options: BrokerOptions): Promise<KafkaBroker> {
  const { GenericContainer, Wait } = await import("testcontainers");
  const port = options.port ?? (await freePort());
  const container = await new GenericContainer(IMAGE)
    .withExposedPorts({ container: 9092, host: port })
    .withEnvironment(environment(port, options.properties))
    .withWaitStrategy(Wait.forListeningPorts())
    .withStartupTimeout(120_000)
    .start();
  return new ContainerBroker(container, `127.0.0.1:${port}`);
}

class ContainerBroker implements KafkaBroker {
  readonly kind = `${IMAGE} in a container`;
  readonly address: string;
  readonly #container: StartedTestContainer;

  constructor(container: StartedTestContainer, address: string) {
    this.#container = container;
    this.address = address;
  }

  async start(): Promise<void> {
    await this.#container.restart();
  }

  async stop(): Promise<void> {
    // Not the container's own `stop`: it stops once, and then no more.
    await run("docker", ["stop", "--time", "10", this.#container.getId()]);
  }

  async pause(): Promise<void> {
    await run("docker", ["pause", this.#container.getId()]);
  }

  async resume(): Promise<void> {
    await run("docker", ["unpause", this.#container.getId()]);
  }

  async dispose(): Promise<void> {
    await run("docker", ["rm", "--force", "--volumes", this.#container.getId()]);
  }
}

/** The image takes each broker property as KAFKA_ and its name in capitals, dots as underscores. */
function environment(port: number, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const properties = {
    "node.id": "1",
    "process.roles": "broker,controller",
    "controller.quorum.voters": "1@127.0.0.1:9093",
    "controller.listener.names": "CONTROLLER",
    listeners: "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093",
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    ...SINGLE_NODE,
    ...more,
  };
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [
      `KAFKA_${name.toUpperCase().replaceAll(".", "_")}`,
      value,
    ]),
  );
}
