import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openVirtual } from "@convergence/bus/embedded/testing/open.ts";
import { encode, topicSpecs } from "@convergence/contracts";
import { Runners, SILENT_MS } from "./runners.ts";

async function world(t: TestContext, storedBefore: { runner: string; at: number }[] = []) {
  const { bus, clock } = openVirtual(t, topicSpecs(1));
  const announce = async (runner: string, at: number) => {
    const value = encode({ type: "RunnerAnnounced", runner, slots: 4, partitions: [0], at });
    await bus.append([{ topic: "runners", key: runner, value }]);
  };
  for (const { runner, at } of storedBefore) await announce(runner, clock.now() + at);
  const runners = new Runners(clock, "me", () => {});
  await runners.start(bus);
  await clock.advance(0);
  t.after(() => runners.stop());
  const living = () => runners.living().map(({ runner }) => runner);
  return { clock, announce, living, runners, bus };
}

for (const [which, shift] of [
  ["behind", -60_000],
  ["ahead", 60_000],
] as const) {
  test(`a runner whose clock is a minute ${which} lives for as long as it is heard`, async (t) => {
    const { clock, announce, living } = await world(t);
    await announce("r", clock.now() + shift);
    await clock.advance(SILENT_MS - 1_000);
    assert.deepEqual(living(), ["r"]);
    await announce("r", clock.now() + shift);
    await clock.advance(SILENT_MS - 1_000);
    assert.deepEqual(living(), ["r"]);
    await clock.advance(2_000);
    assert.deepEqual(living(), []);
  });
}

test("a runner that was gone before the start is not taken for a living one", async (t) => {
  const { living } = await world(t, [
    { runner: "gone", at: -SILENT_MS - 1 },
    { runner: "there", at: -1_000 },
    { runner: "ahead", at: 60_000 },
  ]);
  assert.deepEqual(living().sort(), ["ahead", "there"]);
});

test("the slots of a runner are shared with a dispatcher whose clock is behind", async (t) => {
  const { bus, clock, runners } = await world(t);
  const value = encode({
    type: "DispatcherAnnounced",
    instance: "other",
    ready_tenants: 1,
    at: clock.now() - 60_000,
  });
  await bus.append([{ topic: "runners", key: "other", value }]);
  await clock.advance(0);
  assert.equal(runners.share(4, 1), 2);
});
