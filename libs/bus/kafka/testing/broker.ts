import { containerBroker, dockerAnswers } from "./broker-container.ts";
import { jarsBroker, javaAndMaven } from "./broker-jars.ts";

/** A single-node Kafka broker without encryption, for tests, the bench and `npm run kafka`. */
export interface KafkaBroker {
  /** `host:port` of the broker, stays the same over restarts. */
  readonly address: string;
  /** How it runs, for people. */
  readonly kind: string;
  /** Shuts it down; its data stays until `dispose`. */
  stop(): Promise<void>;
  /** Starts it again after `stop`, on the same data and address. */
  start(): Promise<void>;
  /** Freezes it: connections stay, and nothing is answered. */
  pause(): Promise<void>;
  /** Lets it go on after `pause`. */
  resume(): Promise<void>;
  /** Shuts it down and removes its data. */
  dispose(): Promise<void>;
}

export interface BrokerOptions {
  /** The port to listen on; a free one when absent. */
  port?: number;
  /** Broker properties besides the usual ones, e.g. `{ "log.cleaner.backoff.ms": "100" }`. */
  properties?: Readonly<Record<string, string>>;
}

const WHAT_TO_INSTALL =
  "No Kafka broker can run here: install a Docker engine, or Java 17 (or newer) and Maven, and try again.";

/**
 * Starts a broker by whatever is there: Docker, else the broker's own jars by Maven with the local Java; these also
 * where a Docker engine answers but cannot get the image. CONVERGENCE_KAFKA=docker or jars chooses one.
 * Never skips: a suite that needs a broker fails with what to install.
 * @throws Error with one line that says what to install where neither is there.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<KafkaBroker> {
  const wanted = process.env.CONVERGENCE_KAFKA;
  const jars = wanted !== "docker" && (await javaAndMaven());
  if (wanted !== "jars" && (await dockerAnswers())) {
    try {
      return await containerBroker(options);
    } catch (error) {
      if (!jars) throw error;
      const why = error instanceof Error ? error.message : String(error);
      console.error(`Docker answers but gives no Kafka broker, so its jars are used: ${why.trim()}`);
    }
  }
  if (jars) return jarsBroker(options);
  throw new Error(WHAT_TO_INSTALL);
}
