/**
 * kafkajs 2.2.4 with two faults mended. Everything here that speaks to kafkajs imports it from this file.
 * kafkajs is at its last release (February 2023); the package file holds it at that version.
 */
import { createRequire } from "node:module";
import kafkajs from "kafkajs";

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

export default kafkajs;
