import type { Cluster } from "kafkajs";
import type { BusRecord, Headers, Offset, Partition } from "../port.ts";
import { sendFetch } from "./kafkajs.ts";

/** At most so many bytes of one partition come with one answer; a larger first batch comes all the same. */
const MAX_PARTITION_BYTES = 1_048_576;

/** A record as kafkajs decodes it. */
export interface StoredRecord {
  offset: string;
  timestamp: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer | Buffer[] | null>;
  /** Not a record, but a mark of the brokers' (or of kafkajs.ts) that offsets were passed. */
  isControlRecord: boolean;
}

/** Where to read on; `topic` is its name on the brokers. */
export interface Place {
  topic: string;
  partition: Partition;
  offset: Offset;
}

/** What was read of one partition: whole batches, so that the first records may lie below what was asked for. */
export interface Read {
  topic: string;
  partition: Partition;
  records: StoredRecord[];
}

/** What a broker answers to a fetch. */
export interface FetchResponse {
  errorCode?: number;
  sessionId?: number;
  responses: { topicName: string; partitions: { partition: Partition; messages: StoredRecord[] }[] }[];
}

/**
 * Reads from some partitions that broker `nodeId` leads; with nothing to read it waits there for `maxWaitMs`.
 * kafkajs throws if one of them cannot be read.
 */
export async function fetchOnce(
  cluster: Cluster,
  nodeId: string,
  places: readonly Place[],
  maxWaitMs: number,
): Promise<Read[]> {
  const broker = await cluster.findBroker({ nodeId });
  const response = await sendFetch(broker, {
    maxWaitTime: maxWaitMs,
    minBytes: 1,
    sessionId: 0,
    sessionEpoch: -1,
    topics: byTopic(places, toRead),
    forgottenTopics: [],
  });
  return reads(response);
}

/** What an answer brought, partition by partition. */
export function reads({ responses }: FetchResponse): Read[] {
  return responses.flatMap(({ topicName, partitions }) =>
    partitions.map(({ partition, messages }) => ({ topic: topicName, partition, records: messages })),
  );
}

/** Places as kafkajs wants them: by topic, each partition as `asked` says. */
export function byTopic<T>(
  places: readonly Place[],
  asked: (place: Place) => T,
): { topic: string; partitions: T[] }[] {
  const groups = Map.groupBy(places, ({ topic }) => topic);
  return [...groups].map(([topic, group]) => ({ topic, partitions: group.map(asked) }));
}

/** A partition that is to be read, as kafkajs wants it. */
export function toRead({ partition, offset }: Place) {
  return { partition, fetchOffset: String(offset), maxBytes: MAX_PARTITION_BYTES };
}

const NO_HEADERS: Headers = Object.freeze({});

/** A record as the port has it. */
export function busRecord(topic: string, partition: Partition, stored: StoredRecord): BusRecord {
  return {
    topic,
    partition,
    offset: Number(stored.offset),
    key: stored.key?.toString() ?? "",
    value: stored.value,
    headers: headersOf(stored),
    time: Number(stored.timestamp),
  };
}

function headersOf({ headers }: StoredRecord): Headers {
  const names = Object.keys(headers);
  if (names.length === 0) return NO_HEADERS;
  return Object.fromEntries(
    names.map((name) => {
      const value = headers[name];
      return [name, (Array.isArray(value) ? value.at(-1) : value)?.toString() ?? ""];
    }),
  );
}
