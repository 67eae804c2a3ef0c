import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadyCursors } from "./ready-cursors.ts";

/** A cursor with so many records; `each` is called for every one. */
function cursor(name: string, records: number, log: string[], each = () => {}) {
  return {
    name,
    closed: false,
    drain(limit: number): number {
      let handled = 0;
      for (; handled < limit && records > 0 && !this.closed; handled++, records--) each();
      log.push(`${name} ${handled}`);
      return handled;
    },
  };
}

type Cursor = ReturnType<typeof cursor>;

test("a long stretch comes behind those that waited, and nothing is left out", () => {
  const log: string[] = [];
  const ready = new ReadyCursors<Cursor>();
  for (const one of [cursor("long", 1_100, log), cursor("short", 3, log)]) ready.add(one);
  const turns: string[][] = [];
  while (ready.first) {
    ready.turn();
    turns.push(log.splice(0));
  }
  assert.deepEqual(turns, [["long 500"], ["short 3", "long 497"], ["long 103"]]);
});

test("what handlers wake meanwhile waits for the next turn, what they close is not gone on with", () => {
  const log: string[] = [];
  const ready = new ReadyCursors<Cursor>();
  const woken = cursor("woken", 1, log);
  const closed = cursor("closed", 600, log, () => {
    closed.closed = true;
  });
  ready.add(cursor("waking", 1, log, () => ready.add(woken)));
  ready.add(closed);
  const long = cursor("long", 500, log, () => {
    dropped.closed = true;
  });
  const dropped = cursor("dropped", 1, log);
  ready.add(long);
  ready.add(dropped);
  ready.turn();
  assert.deepEqual(log, ["waking 1", "closed 1", "long 498"]);
  assert.equal(ready.first, woken);
  ready.delete(woken);
  ready.delete(long);
  assert.equal(ready.first, undefined);
});
