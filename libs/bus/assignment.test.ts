import assert from "node:assert/strict";
import { test } from "node:test";
import { stickyAssignment } from "./assignment.ts";

/** Assigns and returns arrays, for comparison. */
function assign(partitions: number, had: Record<string, number[]>): Record<string, number[]> {
  const members = Object.entries(had).map(([id, held]) => ({ id, had: new Set(held) }));
  return Object.fromEntries(
    [...stickyAssignment(partitions, members)].map(([id, held]) => [id, [...held].sort()]),
  );
}

test("one member gets all", () => {
  assert.deepEqual(assign(4, { a: [] }), { a: [0, 1, 2, 3] });
});

test("a new member takes only what it must", () => {
  assert.deepEqual(assign(6, { a: [0, 1, 2, 3, 4, 5], b: [] }), { a: [0, 1, 2], b: [3, 4, 5] });
  assert.deepEqual(assign(6, { a: [0, 1, 2], b: [3, 4, 5], c: [] }), { a: [0, 1], b: [3, 4], c: [2, 5] });
});

test("a leaving member's partitions are spread, the others keep theirs", () => {
  assert.deepEqual(assign(6, { a: [0, 1], c: [2, 5] }), { a: [0, 1, 3], c: [2, 4, 5] });
});

test("the odd ones stay with those that hold most", () => {
  assert.deepEqual(assign(3, { a: [0], b: [1, 2] }), { a: [0], b: [1, 2] });
});

test("more members than partitions, and no member at all", () => {
  assert.deepEqual(assign(1, { a: [], b: [0] }), { a: [], b: [0] });
  assert.deepEqual(assign(3, {}), {});
});

test("a partition that two claim goes to the first, and none that does not exist to anyone", () => {
  assert.deepEqual(assign(2, { a: [0, 7], b: [0, 1] }), { a: [0], b: [1] });
});

test("every partition has one holder and counts differ by one at most, over random changes", () => {
  let seed = 7;
  const random = (n: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % n;
  };
  let held: Record<string, number[]> = { m0: [] };
  for (let round = 1; round < 200; round++) {
    const names = Object.keys(held);
    if (random(2) && names.length > 1) delete held[names[random(names.length)] ?? ""];
    else held[`m${round}`] = [];
    const before = held;
    held = assign(24, before);
    const sizes = Object.values(held).map((partitions) => partitions.length);
    assert.deepEqual(
      Object.values(held)
        .flat()
        .sort((a, b) => a - b),
      Array.from({ length: 24 }, (_, p) => p),
    );
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
    for (const [name, partitions] of Object.entries(held)) {
      const had = before[name] ?? [];
      const kept = had.filter((p) => partitions.includes(p)).length;
      assert.ok(
        kept === Math.min(had.length, partitions.length),
        "a member gives up only what is over its share",
      );
    }
  }
});
