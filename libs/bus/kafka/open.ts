import { deadLetter } from "../dead-letter.ts";
import { partitionFor } from "../partitioner.ts";
import type {
  Bus,
  BusRecord,
  Done,
  Ends,
  Lane,
  Offset,
  OutRecord,
  OwnOptions,
  Partition,
  Reading,
  Readings,
  Running,
  View,
  ViewOptions,
  WorkOptions,
} from "../port.ts";
import { kafkaConfig } from "./client.ts";
import { Core } from "./core.ts";
import { declareTopics } from "./declare.ts";
import { isPassing } from "./errors.ts";
import { Lookups } from "./lookups.ts";
import type { KafkaBusOptions } from "./options.ts";
import { startOwn } from "./own.ts";
import { Outage } from "./reach.ts";
import { type Topic, Topics } from "./topics.ts";
import { startView } from "./view.ts";
import { startWork } from "./work.ts";

export interface KafkaBus extends Bus, Readings {
  /** Rejects where the topics turn out to be kept otherwise than declared, or the brokers refuse; never resolves. */
  readonly failed: Promise<never>;
}

/**
 * Opens a bus on Kafka. Makes the topics that the brokers lack (unless `existing`), and checks those that they have. Services start in
 * any order: where the brokers are not there within `reachWithinMs`, the bus is given all the same, goes on looking
 * for them, and rejects what is asked of it as BusUnavailable until then.
 * @throws KafkaBusError when the topics are kept otherwise, or the brokers refuse; TypeError for bad declarations.
 */
export async function openKafkaBus(options: KafkaBusOptions): Promise<KafkaBus> {
  const topics = new Topics(options.topics, options.prefix ?? "");
  const closing = new AbortController();
  const lookups = new Lookups(kafkaConfig(options, "lookups"));
  const ready = declareUntilDone(options, topics.all(), lookups, closing.signal);
  const core = new Core(options, topics, lookups, ready);
  const bus = new Face(core, ready, () => closing.abort());
  try {
    await core.open();
  } catch (error) {
    if (isPassing(error)) return bus;
    await bus.close();
    throw error;
  }
  return bus;
}

async function declareUntilDone(
  options: KafkaBusOptions,
  topics: readonly Topic[],
  lookups: Lookups,
  closing: AbortSignal,
): Promise<void> {
  const { brokers, clock, log } = options;
  const outage = new Outage(clock, {
    away: (why) => log.warn({ brokers, why }, "Kafka is not there or not ready: trying on"),
    back: () => log.info({ brokers }, "Kafka is ready"),
  });
  while (!closing.aborted) {
    try {
      await declareTopics(kafkaConfig(options, "topics"), topics, options);
      // Each partition's leader answers: an append that found only some of them would be stored in part, then whole.
      await lookups.ends(topics);
      outage.worked();
      return;
    } catch (error) {
      if (!isPassing(error)) throw error;
      await outage.failed(error);
    }
  }
  // A closed bus refuses before it looks at this.
  await new Promise(() => {});
}

/** The bus as its users see it. */
class Face implements KafkaBus {
  readonly failed: Promise<never>;
  readonly #core: Core;
  readonly #stopDeclaring: () => void;
  #closing: Promise<void> | undefined;

  constructor(core: Core, ready: Promise<void>, stopDeclaring: () => void) {
    this.#core = core;
    this.#stopDeclaring = stopDeclaring;
    this.failed = ready.then(() => new Promise<never>(() => {}));
    // Who does not look at it learns the same from whatever is asked.
    this.failed.catch(() => {});
  }

  append(records: OutRecord[]): Promise<Offset[]> {
    return this.#core.append(records);
  }

  partitionOf(topic: string, key: string): Partition {
    return partitionFor(key, this.partitions(topic));
  }

  partitions(topic: string): number {
    return this.#core.topics.get(topic).spec.partitions;
  }

  async ends(name: string): Promise<Ends> {
    const topic = this.#core.topics.get(name);
    const ends = await this.#core.ask("asking for the ends", () => this.#core.lookups.ends([topic]));
    return ends.get(name) ?? new Map();
  }

  async mark(name: string, partition: Partition, at: Offset): Promise<string | null> {
    const topic = this.#core.topics.checked(name, partition);
    return this.#core.ask("asking for a mark", () => this.#core.lookups.mark(topic, partition, at));
  }

  async own(options: OwnOptions, gained: (partition: Partition) => Lane): Promise<Running> {
    this.#core.mustBeOpen();
    return startOwn(this.#core, options, gained);
  }

  async view(options: ViewOptions, fold: (record: BusRecord) => void): Promise<View> {
    return startView(this.#core, options, fold);
  }

  async work(options: WorkOptions, take: (record: BusRecord, done: Done) => void): Promise<Running> {
    this.#core.mustBeOpen();
    return startWork(this.#core, options, take);
  }

  async dead(record: BusRecord, error: unknown): Promise<void> {
    await this.append([deadLetter(record, error)]);
  }

  readings(): Reading[] {
    return this.#core.readings();
  }

  close(): Promise<void> {
    this.#stopDeclaring();
    this.#closing ??= this.#core.close();
    return this.#closing;
  }
}
