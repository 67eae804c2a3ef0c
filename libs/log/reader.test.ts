import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogEntry, LogReader, type Verdict } from "./index.ts";

const claim = (follows: number): LogEntry => ({ follows });
const event = (epoch: number, version: number, tenant_id = "a"): LogEntry => ({
  meta: { tenant_id, epoch, version },
});

/** Reads entries at offsets 0, 1, 2, ... and gives the verdicts. */
function read(entries: LogEntry[], reader = new LogReader(), from = 0): Verdict[] {
  return entries.map((entry, index) => reader.read(from + index, entry));
}

test("events count under the latest counted claim, as each tenant's next version", () => {
  const verdicts = read([claim(-1), event(0, 1), event(0, 1, "b"), event(0, 2), event(0, 2, "b")]);
  assert.deepEqual(verdicts, ["counted", "counted", "counted", "counted", "counted"]);
});

test("an event appended twice counts once", () => {
  assert.deepEqual(read([claim(-1), event(0, 1), event(0, 1), event(0, 2)]).slice(1), [
    "counted",
    "duplicate",
    "counted",
  ]);
});

test("a missing event is an alarm, and what follows it too", () => {
  assert.deepEqual(read([claim(-1), event(0, 1), event(0, 3)]).at(-1), "gap");
});

test("a deposed writer's events do not count, whatever their version", () => {
  const verdicts = read([claim(-1), event(0, 1), claim(0), event(0, 2), event(0, 3), event(2, 2)]);
  assert.deepEqual(verdicts.slice(2), ["counted", "stale epoch", "stale epoch", "counted"]);
});

test("of two writers that claim at once the first counts, and the other's events do not", () => {
  const verdicts = read([claim(-1), claim(0), claim(0), event(2, 1), event(1, 1)]);
  assert.deepEqual(verdicts.slice(1), ["counted", "void claim", "stale epoch", "counted"]);
});

test("an owner that claims again goes on under the new epoch", () => {
  const verdicts = read([claim(-1), event(0, 1), claim(0), event(2, 2)]);
  assert.deepEqual(verdicts.slice(2), ["counted", "counted"]);
});

test("a reader that starts behind a log's beginning takes the first claim on trust", () => {
  const verdicts = read([event(90, 7), claim(90), event(101, 8), event(101, 9)], new LogReader(), 100);
  assert.deepEqual(verdicts, ["stale epoch", "counted", "counted", "counted"]);
});

test("a claim taken on trust gives way to one that follows a later claim that is no longer stored", () => {
  // At 100 a void claim that follows 50, though 80 was counted meanwhile; the owner repeats its claim at 102.
  const verdicts = read([claim(50), event(80, 3), claim(80), event(102, 4)], new LogReader(), 100);
  assert.deepEqual(verdicts, ["counted", "stale epoch", "counted", "counted"]);
});

test("a reader goes on from a kept claim and kept versions", () => {
  const reader = new LogReader(40, [["a", 5]]);
  assert.deepEqual(read([event(40, 5), event(40, 6), event(12, 7)], reader, 50), [
    "duplicate",
    "counted",
    "stale epoch",
  ]);
  assert.equal(reader.claim, 40);
  assert.equal(reader.version("a"), 6);
});

test("the first sight of a tenant is its baseline", () => {
  assert.deepEqual(read([event(40, 17, "new"), event(40, 18, "new")], new LogReader(40), 50), [
    "counted",
    "counted",
  ]);
});
