import assert from "node:assert/strict";
import { test } from "node:test";
import { ContiguousTracker } from "./contiguous.ts";

test("what is to be committed moves only over a contiguous stretch", () => {
  const tracker = new ContiguousTracker(10);
  assert.equal(tracker.next, 10);
  for (const offset of [10, 11, 12, 13]) tracker.take(offset);
  assert.equal(tracker.next, 10);
  tracker.done(11);
  tracker.done(13);
  assert.equal(tracker.next, 10);
  tracker.done(10);
  assert.equal(tracker.next, 12);
  assert.equal(tracker.pending, 1);
  tracker.done(12);
  assert.equal(tracker.next, 14);
  assert.equal(tracker.pending, 0);
});

test("gaps between taken offsets hold nothing up", () => {
  const tracker = new ContiguousTracker(0);
  for (const offset of [5, 9, 20]) tracker.take(offset);
  assert.equal(tracker.next, 5);
  tracker.done(5);
  assert.equal(tracker.next, 9);
  tracker.done(20);
  tracker.done(9);
  assert.equal(tracker.next, 21);
});

test("done for what is not outstanding changes nothing", () => {
  const tracker = new ContiguousTracker(0);
  tracker.take(0);
  assert.equal(tracker.done(1), false);
  assert.equal(tracker.done(0), true);
  assert.equal(tracker.done(0), false);
  tracker.take(1);
  assert.equal(tracker.next, 1);
});

test("the note is the last one before what is to be committed", () => {
  const tracker = new ContiguousTracker(0, "before");
  for (const offset of [0, 1, 2, 3]) tracker.take(offset);
  assert.equal(tracker.note, "before");
  tracker.done(2, "two");
  tracker.done(0, "zero");
  assert.equal(tracker.note, "zero");
  tracker.done(1);
  assert.equal(tracker.note, "two");
  tracker.done(3);
  assert.equal(tracker.note, "two");
});

test("a long run in any order stays exact", () => {
  const tracker = new ContiguousTracker(0);
  const window = 50;
  for (let offset = 0; offset < 20_000; offset++) {
    tracker.take(offset);
    // Each window is done from its end to its beginning.
    if (offset % window !== window - 1) continue;
    for (let back = 0; back < window; back++) {
      assert.equal(tracker.next, offset - window + 1);
      tracker.done(offset - back);
    }
    assert.equal(tracker.next, offset + 1);
  }
  assert.equal(tracker.pending, 0);
});
