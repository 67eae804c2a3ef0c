import assert from "node:assert/strict";
import { test } from "node:test";
import { RunChanges } from "./changes.ts";
import type { RunRow } from "./row.ts";

function row(version: number, errorMessage: string | null = null): RunRow {
  return {
    tenantId: "acme_1",
    runId: "r",
    kind: "accepted",
    listed: true,
    pipelineId: "p",
    status: "RUNNING",
    triggerType: "api",
    triggerBy: "t",
    startTime: 1,
    endTime: null,
    parameters: "{}",
    errorMessage,
    configVersion: null,
    version,
    steps: [],
  };
}

const versions = (changes: RunChanges, key: string, after: number) =>
  changes.since(key, after)?.map(({ version }) => version) ?? null;

test("what is kept is told from any version on; what came before it is not", () => {
  const changes = new RunChanges();
  for (const version of [3, 4, 5]) changes.note("a", row(version));
  assert.deepEqual(versions(changes, "a", 2), [3, 4, 5]);
  assert.deepEqual(versions(changes, "a", 4), [5]);
  assert.equal(versions(changes, "a", 1), null);
  assert.equal(versions(changes, "b", 0), null);
});

test("a run whose versions begin anew is told from there", () => {
  const changes = new RunChanges();
  for (const version of [1, 2, 3, 1, 2]) changes.note("a", row(version));
  assert.deepEqual(versions(changes, "a", 0), [1, 2]);
});

test("over the bound the run that changed longest ago goes first, by what its texts come to", () => {
  const changes = new RunChanges(5_000);
  changes.note("a", row(1));
  changes.note("b", row(1));
  changes.note("a", row(2));
  changes.note("c", row(1, "x".repeat(3_500)));
  assert.deepEqual(
    [versions(changes, "a", 0), versions(changes, "b", 0), versions(changes, "c", 0)],
    [[1, 2], null, [1]],
  );
  for (let version = 2; version <= 20; version++) changes.note("c", row(version));
  assert.equal(versions(changes, "a", 0), null);
  assert.equal(versions(changes, "c", 0), null);
  changes.note("d", row(1));
  assert.deepEqual(versions(changes, "d", 0), [1]);
});

test("who watches a run hears of each of its changes, until it no longer watches", () => {
  const changes = new RunChanges();
  let heard = 0;
  const unwatch = changes.watch("a", () => {
    heard += 1;
  });
  changes.note("a", row(1));
  changes.note("b", row(1));
  changes.note("a", row(2));
  assert.equal(heard, 2);
  unwatch();
  changes.note("a", row(3));
  assert.equal(heard, 2);
});
