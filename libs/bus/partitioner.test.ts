import assert from "node:assert/strict";
import { test } from "node:test";
import { murmur2, partitionFor } from "./partitioner.ts";

// org.apache.kafka.common.utils.UtilsTest.testMurmur2
const VECTORS: [string, number][] = [
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
];

test("murmur2 gives what Kafka's own tests expect", () => {
  for (const [text, hash] of VECTORS) assert.equal(murmur2(Buffer.from(text)), hash, text);
});

test("murmur2 reads a slice of a larger buffer alike", () => {
  const bytes = Buffer.from("..foobar..").subarray(2, 8);
  assert.equal(murmur2(bytes), -790332482);
});

test("a partition is the hash without its sign bit, modulo the count", () => {
  for (const [text, hash] of VECTORS) assert.equal(partitionFor(text, 12), (hash & 0x7fffffff) % 12);
  assert.equal(partitionFor("anything", 1), 0);
});

test("keys that differ beyond ASCII are hashed by their UTF-8 bytes", () => {
  assert.equal(partitionFor("größe", 1_000), (murmur2(Buffer.from("größe", "utf8")) & 0x7fffffff) % 1_000);
});
