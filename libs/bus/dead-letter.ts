import type { BusRecord, Headers, Offset, OutRecord, Partition } from "./port.ts";

const MAX_ERROR_LENGTH = 500;

const SUFFIX = ".dlq";

/** The headers that a dead letter has beside those of its record. */
const HEADER = {
  topic: "dlq-origin-topic",
  partition: "dlq-origin-partition",
  offset: "dlq-origin-offset",
  error: "dlq-error",
} as const;

/** The header of a note that a dead letter is settled, and the one that says where its record went. */
const SETTLED = "dlq-settled";
const REPLAYED_AT = "dlq-replayed-offset";

/** Where a record was first stored. */
export interface Origin {
  topic: string;
  partition: Partition;
  offset: Offset;
}

/** What became of a dead letter: put back on its topic, or given up. */
export type Settlement = { how: "replayed"; offset: Offset } | { how: "discarded" };

/** The topic that takes what could not be read or handled of `topic`. */
export function deadLetterTopic(topic: string): string {
  return `${topic}${SUFFIX}`;
}

/** True for the name of a topic of dead letters. */
export function isDeadLetterTopic(topic: string): boolean {
  return topic.endsWith(SUFFIX);
}

/** The record to append for `dead`: the origin's key, value and headers, with origin and error in headers. */
export function deadLetter(record: BusRecord, error: unknown): OutRecord {
  return {
    topic: deadLetterTopic(record.topic),
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      ...originHeaders(record),
      [HEADER.error]: describe(error).slice(0, MAX_ERROR_LENGTH),
    },
  };
}

/** Where a dead letter's record, or a note about it, comes from; null where its headers do not say. */
export function originOf({ headers }: BusRecord): Origin | null {
  const topic = headers[HEADER.topic];
  const partition = wholeNumber(headers[HEADER.partition]);
  const offset = wholeNumber(headers[HEADER.offset]);
  return topic === undefined || partition === null || offset === null ? null : { topic, partition, offset };
}

/** Why a record is a dead letter. */
export function errorOf({ headers }: BusRecord): string | null {
  return headers[HEADER.error] ?? null;
}

/** The headers that a dead letter's record had before. */
export function originalHeaders({ headers }: BusRecord): Headers {
  const own: readonly string[] = Object.values(HEADER);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.includes(name)));
}

/** The record of a dead letter as it first was, for its own topic and partition again. */
export function original(letter: BusRecord, origin: Origin): OutRecord {
  return {
    topic: origin.topic,
    partition: origin.partition,
    key: letter.key,
    value: letter.value,
    headers: originalHeaders(letter),
  };
}

/**
 * The note to append once a dead letter is settled, behind it in its partition. It is about the origin: several
 * readers may have put the same record among the dead letters.
 */
export function settlementNote(letter: BusRecord, origin: Origin, settlement: Settlement): OutRecord {
  return {
    topic: letter.topic,
    partition: letter.partition,
    key: letter.key,
    value: null,
    headers: {
      ...originHeaders(origin),
      [SETTLED]: settlement.how,
      ...(settlement.how === "replayed" ? { [REPLAYED_AT]: String(settlement.offset) } : {}),
    },
  };
}

/** What a record of a topic of dead letters notes; null for a dead letter, which alone has an error. */
export function settlementOf(record: BusRecord): Settlement | null {
  if (errorOf(record) !== null) return null;
  const offset = wholeNumber(record.headers[REPLAYED_AT]);
  switch (record.headers[SETTLED]) {
    case "replayed":
      return offset === null ? null : { how: "replayed", offset };
    case "discarded":
      return { how: "discarded" };
    default:
      return null;
  }
}

function originHeaders({ topic, partition, offset }: Origin): Headers {
  return { [HEADER.topic]: topic, [HEADER.partition]: String(partition), [HEADER.offset]: String(offset) };
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Only the message: other fields of an error may hold what nobody should read. */
function describe(error: unknown): string {
  return error instanceof Error ? error.message : typeof error === "string" ? error : "unknown error";
}
