import { crc32 } from "node:zlib";
import type { Random } from "@convergence/runtime/random.ts";
import type { Partition, TopicSpec } from "../port.ts";
import { BusFileError } from "./errors.ts";
import { PartitionLog } from "./log.ts";
import { asNumber, asText } from "./row.ts";
import { MAX_PARTITION_ID, OFFSETS_PER_PARTITION, type Store } from "./store.ts";

/** A declared topic and its partitions' logs, in partition order. */
export interface Topic {
  readonly spec: TopicSpec;
  /** Made at random when the topic was made: tells a topic from its successor of the same name. */
  readonly incarnation: string;
  readonly logs: readonly PartitionLog[];
}

/** The topics that this bus was opened with. */
export class Topics {
  readonly #topics: ReadonlyMap<string, Topic>;

  constructor(topics: ReadonlyMap<string, Topic>) {
    this.#topics = topics;
  }

  all(): Iterable<Topic> {
    return this.#topics.values();
  }

  /** @throws TypeError for a topic that was not declared. */
  get(name: string): Topic {
    const topic = this.#topics.get(name);
    if (!topic) throw new TypeError(`unknown topic "${name}": declare it when the bus is opened`);
    return topic;
  }

  /** @throws TypeError for an unknown topic or a partition that it does not have. */
  log(name: string, partition: Partition): PartitionLog {
    const { logs } = this.get(name);
    const log = logs[partition];
    if (!log) throw new TypeError(`topic "${name}" has partitions 0 to ${logs.length - 1}, not ${partition}`);
    return log;
  }

  /** A fingerprint of what stands last before `at`. */
  mark(name: string, partition: Partition, at: number): string | null {
    const last = this.log(name, partition).lastBefore(at);
    if (!last) return null;
    const sum = crc32(last.value ?? "", crc32(last.key)).toString(16);
    return `${this.get(name).incarnation}/${last.offset}/${last.time}/${sum}`;
  }
}

/**
 * Makes the topics that the file lacks and checks those it has.
 * @throws BusFileError where partition count or cleanup differ: neither can be changed under stored records.
 */
export function declareTopics(
  store: Store,
  file: string,
  specs: readonly TopicSpec[],
  random: Random,
): Topics {
  store.transaction(() => {
    for (const spec of specs) declare(store, file, spec, random);
  });
  return new Topics(new Map(specs.map((spec) => [spec.name, load(store, spec)])));
}

function declare(store: Store, file: string, spec: TopicSpec, random: Random): void {
  if (!Number.isInteger(spec.partitions) || spec.partitions < 1) {
    throw new TypeError(
      `topic "${spec.name}": partitions must be a positive integer, not ${spec.partitions}`,
    );
  }
  const stored = store.db.prepare("SELECT partitions, cleanup FROM topics WHERE name = ?").get(spec.name);
  if (!stored) {
    create(store, file, spec, random);
    return;
  }
  for (const [what, had, wanted] of [
    ["partitions", asNumber(stored.partitions), spec.partitions],
    ["cleanup", asText(stored.cleanup), spec.cleanup],
  ] as const) {
    if (had === wanted) continue;
    throw new BusFileError(
      `${file}: topic "${spec.name}" was made with ${what} ${had} and is declared with ${what} ${wanted}`,
      `This cannot change under stored records: declare ${had} again, or start with another data folder.`,
    );
  }
  store.db.prepare("UPDATE topics SET retention_ms = ? WHERE name = ?").run(spec.retentionMs, spec.name);
}

function create(store: Store, file: string, spec: TopicSpec, random: Random): void {
  store.db
    .prepare(
      "INSERT INTO topics (name, partitions, cleanup, retention_ms, incarnation) VALUES (?, ?, ?, ?, ?)",
    )
    .run(spec.name, spec.partitions, spec.cleanup, spec.retentionMs, random.uuid());
  const insert = store.db.prepare("INSERT INTO partitions (topic, partition) VALUES (?, ?) RETURNING id");
  for (let partition = 0; partition < spec.partitions; partition++) {
    const id = asNumber(insert.get(spec.name, partition)?.id);
    if (id > MAX_PARTITION_ID) throw tooMany(file);
  }
}

function load(store: Store, spec: TopicSpec): Topic {
  const row = store.db.prepare("SELECT incarnation FROM topics WHERE name = ?").get(spec.name);
  const last = store.db.prepare("SELECT max(id) AS id FROM records WHERE id >= ? AND id < ?");
  const logs = store.db
    .prepare("SELECT id, partition, low, next FROM partitions WHERE topic = ? ORDER BY partition")
    .all(spec.name)
    .map(({ id, partition, low, next }) => {
      const base = asNumber(id) * OFFSETS_PER_PARTITION;
      const top = last.get(base, base + OFFSETS_PER_PARTITION)?.id ?? null;
      const end = Math.max(asNumber(next), top === null ? 0 : asNumber(top) - base + 1);
      const place = { id: asNumber(id), topic: spec.name, partition: asNumber(partition) };
      return new PartitionLog(store, place, asNumber(low), end, spec.waitForDisk ?? true);
    });
  return { spec, incarnation: asText(row?.incarnation), logs };
}

function tooMany(file: string): BusFileError {
  return new BusFileError(
    `${file} would hold more than ${MAX_PARTITION_ID} partitions`,
    "Declare fewer topics or partitions.",
  );
}
