import type { BusRecord } from "@convergence/bus";
import { isDeadLetterTopic } from "@convergence/bus/dead-letter.ts";
import type { KafkaBus } from "@convergence/bus/kafka/index.ts";
import { type Letter, LetterBox } from "@convergence/bus/letter-box.ts";
import { topicSpecs } from "@convergence/contracts";

/** How long reading all dead letters may take, in milliseconds. */
const READ_WITHIN_MS = 120_000;

/** A dead letter's name for people: where it is. */
export type LetterId = `${string}:${number}:${number}`;

/** All dead letters of a bus, and their records as far as they were wanted. */
export interface ReadLetters {
  box: LetterBox;
  /** By the letter's own place. */
  records: ReadonlyMap<LetterId, BusRecord>;
}

/** The name of a letter: of the first one, where several readers put the same record there. */
export function idOf({ topic, partition, offset }: Pick<Letter, "topic" | "partition" | "offset">): LetterId {
  return `${topic}:${partition}:${offset}`;
}

/** The place that an id names; null for what is none. */
export function placeOf(id: string): { topic: string; partition: number; offset: number } | null {
  const [, topic = "", partition, offset] = /^([\w.-]+):(\d{1,9}):(\d{1,15})$/.exec(id) ?? [];
  if (!isDeadLetterTopic(topic)) return null;
  return { topic, partition: Number(partition), offset: Number(offset) };
}

/**
 * Reads all topics of dead letters to their present ends, and keeps the records that `wanted` names.
 * @throws BusUnavailable where the brokers cannot be reached
 */
export async function readLetters(bus: KafkaBus, wanted: (id: LetterId) => boolean): Promise<ReadLetters> {
  const box = new LetterBox();
  const records = new Map<LetterId, BusRecord>();
  const topics = topicSpecs(1).flatMap(({ name }) => (isDeadLetterTopic(name) ? [name] : []));
  const view = await bus.view({ topics, from: "low", member: "dlq" }, (record) => {
    box.fold(record);
    const id = idOf(record);
    if (wanted(id)) records.set(id, record);
  });
  try {
    const read = await Promise.race([view.caughtUp(READ_WITHIN_MS), view.failed]);
    if (!read) throw new Error(`the dead letters were not read within ${READ_WITHIN_MS / 1000} s: try again`);
  } finally {
    await view.stop();
  }
  return { box, records };
}
