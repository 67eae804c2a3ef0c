import assert from "node:assert/strict";
import { test } from "node:test";
import { type CronSpec, cronProblems, nextSlot, nextSlots, slotsBefore } from "./index.ts";

const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16);
const after = (spec: CronSpec, from: string, count: number) =>
  nextSlots(spec, Date.parse(from), count).map(iso);
const berlin = (cron: string): CronSpec => ({ cron, timezone: "Europe/Berlin" });

test("a time of day that the clock skips falls due at the moment of the jump", () => {
  assert.deepEqual(after(berlin("30 2 * * *"), "2026-03-28T12:00:00Z", 2), [
    "2026-03-29T01:00",
    "2026-03-30T00:30",
  ]);
  const lordHowe = { cron: "15 2 * * *", timezone: "Australia/Lord_Howe" };
  assert.deepEqual(after(lordHowe, "2026-10-03T12:00:00Z", 2), ["2026-10-03T15:30", "2026-10-04T15:15"]);
});

test("a time of day that comes twice falls due the first time alone", () => {
  assert.deepEqual(after(berlin("30 2 * * *"), "2026-10-24T12:00:00Z", 2), [
    "2026-10-25T00:30",
    "2026-10-26T01:30",
  ]);
});

test("what is due every so many minutes goes on as time does", () => {
  assert.deepEqual(after(berlin("*/30 * * * *"), "2026-10-24T23:59:00Z", 5), [
    "2026-10-25T00:00",
    "2026-10-25T00:30",
    "2026-10-25T01:00",
    "2026-10-25T01:30",
    "2026-10-25T02:00",
  ]);
  assert.deepEqual(after(berlin("*/30 * * * *"), "2026-03-29T00:10:00Z", 3), [
    "2026-03-29T00:30",
    "2026-03-29T01:00",
    "2026-03-29T01:30",
  ]);
});

test("a time zone without changes of the clock, off the hour", () => {
  assert.deepEqual(after({ cron: "0 6 * * 1", timezone: "Asia/Kolkata" }, "2026-11-25T00:00:00Z", 2), [
    "2026-11-30T00:30",
    "2026-12-07T00:30",
  ]);
});

test("forwards and backwards a year has the same slots, at or between them", () => {
  for (const timezone of ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]) {
    for (const cron of ["30 2 * * *", "*/30 1-3 * * *", "0 6 1 * 1"]) {
      const spec = { cron, timezone };
      const [from, to] = [Date.parse("2026-01-01T00:00:00Z"), Date.parse("2027-01-01T00:00:00Z")];
      const forwards = nextSlots(spec, from, 3_000).filter((slot) => slot < to);
      assert.ok(forwards.length > 50);
      const backwards = slotsBefore(spec, to, forwards.length + 1).filter((slot) => slot > from);
      assert.deepEqual(backwards.reverse(), forwards, `${cron} in ${timezone}`);
      for (const [n, slot] of forwards.entries()) {
        assert.equal(nextSlot(spec, slot - 1), slot);
        assert.equal(nextSlot(spec, slot), forwards[n + 1] ?? nextSlot(spec, to - 1));
        assert.deepEqual(slotsBefore(spec, slot + 1, 1), [slot]);
        assert.equal(
          slotsBefore(spec, slot, 1)[0] ?? -1,
          forwards[n - 1] ?? slotsBefore(spec, from + 1, 1)[0],
        );
      }
    }
  }
});

test("faults name their field", () => {
  const faults: [CronSpec, string, RegExp][] = [
    [berlin("0 6 * *"), "cron", /five fields/],
    [berlin("0 0 6 * * *"), "cron", /five fields/],
    [berlin("@daily"), "cron", /five fields/],
    [berlin("61 6 * * *"), "cron", /minute: 61/],
    [berlin("a b c d e"), "cron", /illegal characters/],
    [berlin("0 0 31 2 *"), "cron", /never falls due/],
    [{ cron: "0 6 * * *", timezone: "Mars/Base" }, "timezone", /IANA/],
  ];
  for (const [spec, field, message] of faults) {
    const [problem, ...others] = cronProblems(spec);
    assert.equal(problem?.field, field, spec.cron);
    assert.match(problem?.message ?? "", message);
    assert.deepEqual(others, []);
  }
  assert.deepEqual(cronProblems({ cron: "0 6 29 2 *", timezone: "UTC" }), []);
  assert.equal(cronProblems({ cron: "", timezone: "" }).length, 2);
});
