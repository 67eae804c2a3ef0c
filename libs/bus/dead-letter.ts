import type { BusRecord, OutRecord } from "./port.ts";

const MAX_ERROR_LENGTH = 500;

/** The topic that takes what could not be read or handled of `topic`. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dlq`;
}

/** The record to append for `dead`: the origin's key, value and headers, with origin and error in headers. */
export function deadLetter(record: BusRecord, error: unknown): OutRecord {
  return {
    topic: deadLetterTopic(record.topic),
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      "dlq-origin-topic": record.topic,
      "dlq-origin-partition": String(record.partition),
      "dlq-origin-offset": String(record.offset),
      "dlq-error": describe(error).slice(0, MAX_ERROR_LENGTH),
    },
  };
}

/** Only the message: other fields of an error may hold what nobody should read. */
function describe(error: unknown): string {
  return error instanceof Error ? error.message : typeof error === "string" ? error : "unknown error";
}
