import { errorOf, type Origin, originOf, type Settlement, settlementOf } from "./dead-letter.ts";
import type { BusRecord, Offset, Partition } from "./port.ts";

/** A record among the dead letters. Known by where it is there: several readers may have put it there. */
export interface Letter {
  /** The topic of dead letters, and the first one's place in it. */
  topic: string;
  partition: Partition;
  offset: Offset;
  /** When it came there, Unix milliseconds. */
  time: number;
  key: string;
  /** Null where someone else than the bus wrote it: it has no way back. */
  origin: Origin | null;
  error: string | null;
  /** Offsets of further dead letters of the same record. */
  copies: Offset[];
  settled: { settlement: Settlement; time: number } | null;
}

/** What topics of dead letters hold, folded from their records: each origin once, and whether it is settled. */
export class LetterBox {
  readonly #byOrigin = new Map<string, Letter>();

  /** Takes a record of a topic of dead letters; of one partition in their order. `room`: whether for a new letter. */
  fold(record: BusRecord, room = true): void {
    const settlement = settlementOf(record);
    const name = nameOf(record);
    const known = this.#byOrigin.get(name);
    if (settlement) {
      // The dead letter that a note is about may be gone: topics of dead letters forget after a time.
      if (known) known.settled ??= { settlement, time: record.time };
      return;
    }
    if (known) known.copies.push(record.offset);
    else if (room) this.#byOrigin.set(name, letterOf(record));
  }

  /** Forgets what a partition does not store any more. */
  forget(topic: string, partition: Partition, below: Offset): void {
    for (const [name, letter] of this.#byOrigin) {
      if (letter.topic !== topic || letter.partition !== partition) continue;
      const last = letter.copies.at(-1) ?? letter.offset;
      if (last < below) this.#byOrigin.delete(name);
    }
  }

  get size(): number {
    return this.#byOrigin.size;
  }

  /** How many are not settled. */
  get waiting(): number {
    return [...this.#byOrigin.values()].filter(({ settled }) => !settled).length;
  }

  /** All letters, the oldest first. */
  letters(): Letter[] {
    return [...this.#byOrigin.values()].sort((a, b) => a.time - b.time || a.offset - b.offset);
  }

  /** The letter that is, or has a copy, at this place. */
  at({ topic, partition, offset }: Origin): Letter | undefined {
    return this.letters().find(
      (letter) =>
        letter.topic === topic &&
        letter.partition === partition &&
        (letter.offset === offset || letter.copies.includes(offset)),
    );
  }
}

function letterOf(record: BusRecord): Letter {
  const { topic, partition, offset, time, key } = record;
  const [origin, error] = [originOf(record), errorOf(record)];
  return { topic, partition, offset, time, key, origin, error, copies: [], settled: null };
}

function nameOf(record: BusRecord): string {
  const origin = originOf(record);
  const { topic, partition, offset } = origin ?? record;
  return `${origin ? "" : "itself "}${record.topic} ${topic} ${partition} ${offset}`;
}
