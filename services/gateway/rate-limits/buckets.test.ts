import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@convergence/runtime/clock.ts";
import { TokenBuckets } from "./buckets.ts";

/** Buckets by a clock that is set: 10 requests at once, one more every 100 ms. */
function buckets(max?: number) {
  const time = { now: 1_000_000 };
  const clock = { now: () => time.now, after: systemClock.after };
  return { time, of: new TokenBuckets(clock, 10, 1_000, max) };
}

const takeAll = (of: TokenBuckets, caller: string) => {
  let taken = 0;
  while (of.take(caller)) taken += 1;
  return taken;
};

test("a bucket gives its quota at once, then as fast as it fills, and never more than its quota", () => {
  const { time, of } = buckets();
  assert.equal(takeAll(of, "a"), 10);
  assert.deepEqual(of.allowance("a"), { remaining: 0, waitMs: 100, fullMs: 1_000 });
  time.now += 99;
  assert.equal(of.take("a"), false);
  time.now += 1;
  assert.equal(of.take("a"), true);
  assert.equal(of.take("a"), false);
  time.now += 250;
  assert.equal(takeAll(of, "a"), 2);
  time.now += 3_600_000;
  assert.equal(takeAll(of, "a"), 10);
});

test("callers do not share, and looking costs nothing", () => {
  const { of } = buckets();
  for (let i = 0; i < 20; i++) assert.equal(of.allowance("a").remaining, 10);
  takeAll(of, "a");
  assert.equal(takeAll(of, "b"), 10);
});

test("over any time a caller gets its quota and what filled meanwhile, wherever a window ends", () => {
  for (const step of [1, 7, 40, 333, 999, 1_000, 1_001]) {
    const { time, of } = buckets();
    let taken = takeAll(of, "a");
    const begun = time.now;
    while (time.now - begun < 10_000) {
      time.now += step;
      taken += takeAll(of, "a");
      const most = 10 + (time.now - begun) / 100;
      assert.ok(taken <= most, `${taken} of ${most} after ${time.now - begun} ms, by ${step}`);
    }
    // With longer steps a bucket is full before it is looked at.
    if (step <= 333) assert.ok(taken > 10 + (time.now - begun) / 100 - 2, `${taken}, by ${step}`);
  }
});

test("a clock that goes back gives nothing", () => {
  const { time, of } = buckets();
  takeAll(of, "a");
  time.now -= 5_000;
  assert.equal(of.take("a"), false);
  time.now += 100;
  assert.equal(takeAll(of, "a"), 1);
});

test("memory is bounded, however many callers come; who is silent for a window is forgotten", () => {
  const { time, of } = buckets(100);
  for (let i = 0; i < 100_000; i++) of.take(`caller-${i}`);
  assert.ok(of.size <= 200, `${of.size}`);
  time.now += 2_000;
  of.take("x");
  time.now += 2_000;
  of.take("x");
  assert.equal(of.size, 1);
});
