import assert from "node:assert/strict";
import { test } from "node:test";
import { settle, VirtualClock } from "../embedded/testing/virtual-time.ts";
import { BusUnavailable } from "../port.ts";
import { Outage, Reach } from "./reach.ts";

const away = () => Object.assign(new Error("connect ECONNREFUSED"), { retriable: true });

/** The outcome of a promise once it has one. */
function watch(promise: Promise<unknown>): { outcome?: unknown } {
  const seen: { outcome?: unknown } = {};
  promise.then(
    (value) => Object.assign(seen, { outcome: value }),
    (error) => Object.assign(seen, { outcome: error }),
  );
  return seen;
}

test("what fails for a while is asked again until it answers", async () => {
  const clock = new VirtualClock();
  let asked = 0;
  const ask = async () => {
    if (++asked < 4) throw away();
    return "answer";
  };
  const seen = watch(new Reach(clock, 5_000).within("asking", ask));
  await clock.advance(1_000);
  assert.equal(seen.outcome, "answer");
  assert.equal(asked, 4);
});

test("after its time it is given up as BusUnavailable, also where no answer comes at all", async () => {
  const clock = new VirtualClock();
  const reach = new Reach(clock, 5_000);
  const failing = watch(reach.within("asking", () => Promise.reject(away())));
  const silent = watch(reach.within("asking", () => new Promise(() => {})));
  await clock.advance(4_000);
  assert.deepEqual([failing, silent], [{}, {}]);
  await clock.advance(1_000);
  assert.ok(failing.outcome instanceof BusUnavailable);
  assert.ok(silent.outcome instanceof BusUnavailable);
});

test("what no later try mends is thrown at once, as it is", async () => {
  const clock = new VirtualClock();
  const fault = new TypeError("no such topic");
  const seen = watch(new Reach(clock, 5_000).within("asking", () => Promise.reject(fault)));
  await settle();
  assert.equal(seen.outcome, fault);
});

test("an outage is told once when it lasts, and its end once; a hiccup is not", async () => {
  const clock = new VirtualClock();
  const said: string[] = [];
  const outage = new Outage(clock, { away: (why) => said.push(why), back: () => said.push("back") });
  const failFor = async (ms: number) => {
    const until = clock.now() + ms;
    while (clock.now() < until) {
      const pause = outage.failed(away());
      await clock.advance(50);
      void pause;
    }
  };
  await failFor(200);
  outage.worked();
  assert.deepEqual(said, []);
  await failFor(2_000);
  assert.deepEqual(said, ["connect ECONNREFUSED"]);
  outage.worked();
  outage.worked();
  assert.deepEqual(said, ["connect ECONNREFUSED", "back"]);
});
