import type { Partition } from "./port.ts";

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/**
 * murmur2 as Kafka's clients compute it (org.apache.kafka.common.utils.Utils.murmur2): a signed 32-bit integer.
 */
export function murmur2(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const words = data.byteLength >>> 2;
  let h = SEED ^ data.byteLength;
  for (let i = 0; i < words; i++) {
    let k = Math.imul(view.getInt32(i * 4, true), M);
    k ^= k >>> R;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const tail = words * 4;
  const rest = data.byteLength - tail;
  if (rest === 3) h ^= view.getUint8(tail + 2) << 16;
  if (rest >= 2) h ^= view.getUint8(tail + 1) << 8;
  if (rest >= 1) h = Math.imul(h ^ view.getUint8(tail), M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}

const utf8 = new TextEncoder();

/** The partition of a key among `partitions`, as Kafka's default partitioner chooses it. */
export function partitionFor(key: string, partitions: number): Partition {
  return (murmur2(utf8.encode(key)) & 0x7fffffff) % partitions;
}
