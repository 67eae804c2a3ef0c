import assert from "node:assert/strict";
import { test } from "node:test";
import {
  deadLetter,
  errorOf,
  isDeadLetterTopic,
  original,
  originalHeaders,
  originOf,
  settlementNote,
  settlementOf,
} from "./dead-letter.ts";
import { LetterBox } from "./letter-box.ts";
import type { BusRecord, Headers, OutRecord } from "./port.ts";

const RECORD: BusRecord = {
  topic: "run.commands",
  partition: 3,
  offset: 120,
  key: "acme",
  value: Buffer.from("?"),
  headers: { traceparent: "00-ab-cd-01" },
  time: 1,
};

/** As a bus stores it. */
function stored(out: OutRecord, offset: number, partition = 3, time = offset * 1_000): BusRecord {
  return { ...out, partition: out.partition ?? partition, headers: out.headers ?? {}, offset, time };
}

const letter = (offset: number, of: BusRecord = RECORD, why = "no schema reads it") =>
  stored(deadLetter(of, new Error(why)), offset);

function boxOf(records: BusRecord[]): LetterBox {
  const box = new LetterBox();
  for (const record of records) box.fold(record);
  return box;
}

test("a dead letter tells its origin and gives the record back as it was", () => {
  const dead = letter(7);
  assert.ok(isDeadLetterTopic(dead.topic));
  const origin = originOf(dead);
  assert.deepEqual(origin, { topic: "run.commands", partition: 3, offset: 120 });
  assert.equal(errorOf(dead), "no schema reads it");
  assert.ok(origin);
  const { offset: _, time: __, ...asItWas } = RECORD;
  assert.deepEqual(original(dead, origin), asItWas);
});

test("a record that names itself a note, or settled, is a dead letter all the same", () => {
  const headers = { "dlq-settled": "discarded", "dlq-replayed-offset": "1" };
  const dead = letter(7, { ...RECORD, headers });
  assert.equal(settlementOf(dead), null);
  assert.deepEqual(originalHeaders(dead), headers);
  assert.equal(boxOf([dead]).letters()[0]?.settled, null);
});

test("a record without an origin has no way back", () => {
  const cases: Headers[] = [
    {},
    { "dlq-origin-topic": "t", "dlq-origin-partition": "0", "dlq-origin-offset": "-1" },
    { "dlq-origin-topic": "t", "dlq-origin-partition": "x", "dlq-origin-offset": "1" },
  ];
  for (const headers of cases) {
    const strange = stored({ topic: "run.commands.dlq", key: "k", value: null, headers }, 4);
    assert.equal(originOf(strange), null);
    const [found] = boxOf([strange]).letters();
    assert.deepEqual([found?.origin, found?.offset], [null, 4]);
  }
});

test("letters of one record are one letter, known by each of its places", () => {
  const box = boxOf([letter(7), letter(8, { ...RECORD, offset: 121 }), letter(9)]);
  const letters = box.letters();
  assert.deepEqual(
    letters.map(({ offset, copies }) => [offset, copies]),
    [
      [7, [9]],
      [8, []],
    ],
  );
  const at = (offset: number) => box.at({ topic: "run.commands.dlq", partition: 3, offset });
  assert.equal(at(9), letters[0]);
  assert.equal(at(10), undefined);
});

test("a note settles a letter and all its copies, earlier and later; the first note counts", () => {
  const dead = letter(7);
  const origin = originOf(dead);
  assert.ok(origin);
  const note = stored(settlementNote(dead, origin, { how: "replayed", offset: 131 }), 9);
  const late = stored(settlementNote(dead, origin, { how: "discarded" }), 11);
  const letters = boxOf([dead, letter(8), note, letter(10), late]).letters();
  assert.equal(letters.length, 1);
  assert.deepEqual(letters[0]?.copies, [8, 10]);
  assert.deepEqual(letters[0]?.settled, { settlement: { how: "replayed", offset: 131 }, time: 9_000 });
  assert.equal(note.value, null);
});

test("a note whose letter is gone is nothing, and what is not stored any more is forgotten", () => {
  const dead = letter(7);
  const origin = originOf(dead);
  assert.ok(origin);
  const note = stored(settlementNote(dead, origin, { how: "discarded" }), 8);
  assert.deepEqual(boxOf([note]).letters(), []);
  const box = boxOf([dead, letter(9), letter(10, { ...RECORD, offset: 121 })]);
  box.forget("run.commands.dlq", 3, 8);
  assert.equal(box.letters().length, 2, "a copy is still there");
  box.forget("run.commands.dlq", 2, 100);
  box.forget("run.commands.dlq", 3, 10);
  assert.deepEqual(
    box.letters().map(({ offset }) => offset),
    [10],
  );
});
