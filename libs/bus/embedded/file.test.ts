import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { readAll } from "../contract/append.ts";
import { BusFileError } from "./errors.ts";
import { busFile, INPUT, LOG, openOn, SNAPSHOTS } from "./testing/open.ts";

const record = (value: string) => ({ topic: "log", key: "k", value: Buffer.from(value) });

test("a reopened file holds its records, ends and marks", async (t) => {
  const file = busFile(t);
  const first = openOn(file);
  await first.append([record("a"), { ...record("b"), headers: { h: "1" } }]);
  const before = { records: await readAll(first, "log"), mark: await first.mark("log", 0, 2) };
  await first.close();
  const second = openOn(file);
  assert.deepEqual(await readAll(second, "log"), before.records);
  assert.equal(await second.mark("log", 0, 2), before.mark);
  assert.deepEqual(await second.append([record("c")]), [2]);
  await second.close();
});

test("a topic made anew has other marks for the same records", async (t) => {
  const marks = [];
  for (const file of [busFile(t), busFile(t)]) {
    const bus = openOn(file, [LOG], { clock: { now: () => 5, after: () => ({ clear() {} }) } });
    await bus.append([record("a")]);
    marks.push(await bus.mark("log", 0, 1));
    await bus.close();
  }
  assert.notEqual(marks[0], marks[1]);
});

test("committed offsets and notes survive a restart", async (t) => {
  const file = busFile(t);
  const options = { group: "g", topic: "log", member: "a" };
  const first = openOn(file);
  await first.append([record("a"), record("b"), record("c")]);
  const { promise: took, resolve } = Promise.withResolvers<void>();
  await first.work({ ...options, assigned() {} }, ({ offset }, done) => {
    if (offset < 2) done(`note ${offset}`);
    else resolve();
  });
  await took;
  await first.close();
  const second = openOn(file);
  const notes: (string | null)[] = [];
  const { promise: again, resolve: resolveAgain } = Promise.withResolvers<number>();
  await second.work(
    { ...options, assigned: (partitions) => notes.push(...partitions.map(({ note }) => note)) },
    ({ offset }) => resolveAgain(offset),
  );
  assert.equal(await again, 2);
  assert.deepEqual(notes, ["note 1"]);
  await second.close();
});

test("no offset is given out twice, also after all is deleted and the file is reopened", async (t) => {
  const file = busFile(t);
  const short = { ...LOG, retentionMs: 1 };
  const limits = { cleanEveryMs: 5 };
  const first = openOn(file, [short], { limits });
  await first.append([record("a"), record("b"), record("c")]);
  while ((await first.ends("log")).get(0)?.low !== 3) await new Promise((resolve) => setTimeout(resolve, 5));
  await first.close();
  const second = openOn(file, [short], { limits });
  assert.deepEqual((await second.ends("log")).get(0), { low: 3, end: 3 });
  assert.deepEqual(await second.append([record("d")]), [3]);
  await second.close();
});

test("a topic cannot be declared otherwise than it was made, except for its retention", async (t) => {
  const file = busFile(t);
  await openOn(file, [LOG]).close();
  for (const [spec, said] of [
    [{ ...LOG, partitions: 3 }, /"log" was made with partitions 1 and is declared with partitions 3/],
    [{ ...LOG, cleanup: "compact" as const }, /"log" was made with cleanup delete/],
  ] as const) {
    assert.throws(
      () => openOn(file, [spec]),
      (error) => error instanceof BusFileError && said.test(error.message) && /declare/.test(error.remedy),
    );
  }
  await openOn(file, [{ ...LOG, retentionMs: 1_000 }, INPUT, SNAPSHOTS]).close();
  await openOn(file, [LOG]).close();
});

test("a topic declared without partitions is a mistake", (t) => {
  assert.throws(() => openOn(busFile(t), [{ ...LOG, partitions: 0 }]), TypeError);
});

test("files that are not ours, too new, in use or nowhere are refused with a remedy", async (t) => {
  const newer = busFile(t);
  await openOn(newer).close();
  change(newer, "PRAGMA user_version = 99");
  const foreign = busFile(t);
  change(foreign, "CREATE TABLE t (x)");
  const garbage = busFile(t);
  writeFileSync(garbage, "this is a text file, long enough to be taken for something. ".repeat(100));
  const held = busFile(t);
  const holder = openOn(held);
  const nowhere = path.join(path.dirname(held), "no-such-folder", "bus.db");
  for (const [file, said] of [
    [newer, /newer version.*99/],
    [foreign, /not a bus file/],
    [garbage, /not a bus file/],
    [held, /in use/],
    [nowhere, /cannot be opened/],
  ] as const) {
    assert.throws(
      () => openOn(file),
      (error) =>
        error instanceof BusFileError &&
        said.test(error.message) &&
        error.message.includes(file) &&
        !!error.remedy,
    );
  }
  assert.deepEqual(await holder.append([record("a")]), [0], "who holds the file goes on");
  await holder.close();
});

function change(file: string, sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
}
