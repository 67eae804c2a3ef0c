/**
 * kafkajs 2.2.4 with two faults mended, and the fetch that it does not offer. Everything here that speaks to kafkajs imports it from this file.
 * kafkajs is at its last release (February 2023); the package file holds it at that version.
 */
import { createRequire } from "node:module";
import kafkajs, { type Broker } from "kafkajs";
import type { FetchResponse } from "./fetch.ts";

const require = createRequire(import.meta.url);

/** A record batch as kafkajs decodes it; what is used here. */
interface RecordBatch {
  firstOffset: string;
  lastOffsetDelta: number;
  maxTimestamp: string;
  records: object[];
}

passEmptiedBatches();
stopIdleTimer();

/**
 * Compaction may empty a batch, or take its last records, and leave the batch with its offsets (the cleaner keeps an
 * idempotent producer's last batch for its sequence number). kafkajs looks at records alone, so it never learns that
 * the offsets are passed: it asks for the same batch for ever (measured: 24,000 fetches in 10 s), or goes on one
 * offset per fetch. A control record in the place of the last offset tells how far the batch reaches; readers skip
 * control records.
 */
function passEmptiedBatches(): void {
  const file = require.resolve("kafkajs/src/protocol/recordBatch/v0/decoder");
  const decode: unknown = require(file);
  const loaded = require.cache[file];
  if (typeof decode !== "function" || !loaded) throw new Error(`${file} is not what kafkajs 2.2.4 has`);
  loaded.exports = async (decoder: unknown): Promise<RecordBatch> => {
    const batch: RecordBatch = await decode(decoder);
    const last = Number(batch.firstOffset) + batch.lastOffsetDelta;
    const reached = batch.records.at(-1);
    if (!reached || !("offset" in reached) || Number(reached.offset) < last) {
      batch.records.push({
        offset: String(last),
        timestamp: batch.maxTimestamp,
        key: Buffer.from([0, 0, 0, 1]),
        value: null,
        headers: {},
        isControlRecord: true,
      });
    }
    return batch;
  };
}

/**
 * kafkajs re-arms a timer of a millisecond or less for each connection, for ever, also with no request waiting
 * (tulios/kafkajs issues 1751, 1556, 1704; measured: 3 % of a core when idle). Only waiting requests need it.
 */
function stopIdleTimer(): void {
  const RequestQueue: unknown = require("kafkajs/src/network/requestQueue");
  const prototype: unknown = typeof RequestQueue === "function" ? RequestQueue.prototype : undefined;
  if (!isQueue(prototype)) throw new Error("kafkajs/src/network/requestQueue is not what kafkajs 2.2.4 has");
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: Queue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
}

interface Queue {
  pending: unknown[];
  scheduleCheckPendingRequests(): void;
}

function isQueue(value: unknown): value is Queue {
  return typeof value === "object" && value !== null && "scheduleCheckPendingRequests" in value;
}

/** A fetch within a session (KIP-227), which kafkajs' protocol knows and its broker does not pass on. */
export interface SessionFetch {
  maxWaitTime: number;
  minBytes: number;
  sessionId: number;
  sessionEpoch: number;
  topics: object[];
  forgottenTopics: object[];
}

const FETCH_API_KEY = 1;
/** The last version in which a broker that does not lead a partition says so, rather than serve what it has (KIP-392). */
const LEADER_ONLY = 10;
/** At most so many bytes come with one answer; a larger first batch comes all the same. */
const MAX_ANSWER_BYTES = 10_485_760;

/** FETCH_SESSION_ID_NOT_FOUND and INVALID_FETCH_SESSION_EPOCH: a session's own affair. */
export const SESSION_LOST: ReadonlySet<number> = new Set([70, 71]);

const fetchVersions = leaderOnly(require("kafkajs/src/protocol/requests/fetch"));
const protocolErrors: unknown = require("kafkajs/src/protocol/error");

function leaderOnly(fetch: unknown): object {
  if (!isVersioned(fetch))
    throw new Error("kafkajs/src/protocol/requests/fetch is not what kafkajs 2.2.4 has");
  return { ...fetch, versions: fetch.versions.filter((version) => Number(version) <= LEADER_ONLY) };
}

function isVersioned(value: unknown): value is { versions: string[] } {
  return typeof value === "object" && value !== null && "versions" in value && Array.isArray(value.versions);
}

/** A broker's error code as kafkajs has its errors. */
function protocolError(code: number): Error {
  if (!hasErrors(protocolErrors)) throw new Error("kafkajs/src/protocol/error is not what kafkajs 2.2.4 has");
  return protocolErrors.createErrorFromCode(code);
}

function hasErrors(value: unknown): value is { createErrorFromCode(code: number): Error } {
  return typeof value === "object" && value !== null && "createErrorFromCode" in value;
}

/** Sends a fetch as it is. @throws where a partition cannot be read; with a session that is lost it answers so. */
export async function sendFetch(broker: Broker, fetch: SessionFetch): Promise<FetchResponse> {
  if (!isInner(broker)) throw new Error("kafkajs' broker is not what kafkajs 2.2.4 has");
  try {
    const request = broker.lookupRequest(FETCH_API_KEY, fetchVersions);
    // Not only what is committed: there are no transactions here.
    const bounds = { maxBytes: MAX_ANSWER_BYTES, isolationLevel: 0 };
    const response = await broker.connectionPool.send(request({ ...fetch, ...bounds }));
    const { errorCode = 0 } = response;
    // kafkajs looks at the partitions' errors alone.
    if (errorCode !== 0 && !SESSION_LOST.has(errorCode)) throw protocolError(errorCode);
    return response;
  } catch (error) {
    // As kafkajs' broker does for its own requests.
    if (error instanceof Error && error.name === "KafkaJSConnectionClosedError") await broker.disconnect();
    throw error;
  }
}

interface InnerBroker {
  lookupRequest(apiKey: number, versions: unknown): (request: SessionFetch) => object;
  connectionPool: { send(request: object): Promise<FetchResponse> };
}

function isInner(broker: Broker): broker is Broker & InnerBroker {
  return "lookupRequest" in broker && "connectionPool" in broker;
}

export default kafkajs;
