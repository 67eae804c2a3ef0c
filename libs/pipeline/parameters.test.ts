import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveParameters } from "./parameters.ts";
import { goodTemplate } from "./testing.ts";
import type { Problem } from "./types.ts";

const NOW = Date.parse("2025-11-15T00:30:00Z");
const STEP = "steps:\n  - { step_id: a, type: noop }\n";
const template = goodTemplate(`parameters:
  day: { type: date, default: yesterday }
  until: { type: date, default: today }
  at: { type: timestamp, default: now }
  region: { type: string, default: eu }
  count: { type: int }
${STEP}`);
const strict = goodTemplate(`strict_parameters: true\nparameters:\n  a: { type: int, default: 1 }\n${STEP}`);

function problemsOf(type: string, value: unknown): Problem[] {
  const one = goodTemplate(`parameters:\n  a: { type: ${type} }\n${STEP}`);
  const result = resolveParameters(one, { a: value }, NOW);
  return "problems" in result ? result.problems : [];
}

test("given values are taken, others from their defaults, days in UTC", () => {
  assert.deepEqual(resolveParameters(template, { count: 3, region: "us" }, NOW), {
    values: {
      count: 3,
      region: "us",
      day: "2025-11-14",
      until: "2025-11-15",
      at: "2025-11-15T00:30:00.000Z",
    },
  });
});

test("undeclared variables are passed as they are, unless the template is strict", () => {
  const extra = { note: "x", list: [1, { a: null }], __proto__: undefined };
  const body: Record<string, unknown> = JSON.parse(
    '{ "count": 1, "note": "x", "list": [1, {"a": null}], "__proto__": {"b": 1} }',
  );
  const result = resolveParameters(template, body, NOW);
  assert.ok("values" in result);
  assert.deepEqual(result.values.note, extra.note);
  assert.deepEqual(result.values.list, extra.list);
  assert.ok(Object.hasOwn(result.values, "__proto__"));
  assert.equal(Object.getPrototypeOf(result.values), Object.prototype);
  assert.deepEqual(resolveParameters(strict, { b: 1, trigger_by: "me" }, NOW), {
    problems: [{ field: "b", message: "is not a parameter of this template: leave it out" }],
  });
});

test("trigger_by is no variable", () => {
  assert.deepEqual(resolveParameters(strict, { trigger_by: "me" }, NOW), { values: { a: 1 } });
});

test("all problems are told at once, each with its field", () => {
  const result = resolveParameters(
    template,
    { day: "2025-13-45", tenant_id: "x", run_id: "y", region: 3 },
    NOW,
  );
  assert.ok("problems" in result);
  assert.deepEqual(result.problems, [
    { field: "day", message: "must be a date as YYYY-MM-DD" },
    { field: "tenant_id", message: "is set by the platform: leave it out" },
    { field: "run_id", message: "is set by the platform: leave it out" },
    { field: "region", message: "must be a text" },
    { field: "count", message: "is missing: give a whole number" },
  ]);
});

const ILL_TYPED: [type: string, ...values: unknown[]][] = [
  ["string", 1, true, null, [], {}, ["x"], "\ud800"],
  ["int", 1.5, "1.5", "x", "", "01", "9223372036854775808", 2 ** 53, Number.NaN, true, null, [1]],
  ["float", "1.5", Number.POSITIVE_INFINITY, Number.NaN, null, true, {}],
  ["bool", "true", 1, 0, null],
  [
    "date",
    "2025-13-45",
    "2025-02-29",
    "2025-11-15' OR '1'='1",
    "2025-11-15\n",
    "15.11.2025",
    "2025-1-5",
    "",
    "0000-01-01",
    "yesterday",
    20251115,
    null,
    { date: "2025-11-15" },
  ],
  [
    "timestamp",
    "2025-11-15",
    "2025-11-15 10:00:00Z",
    "2025-11-15T10:00:00",
    "2025-11-15T25:00:00Z",
    "2025-02-30T10:00:00Z",
    "2025-11-15T10:60:00Z",
    "2025-11-15T24:00:00Z",
    "now",
    1,
    null,
  ],
];

test("ill-typed values are refused", () => {
  for (const [type, ...values] of ILL_TYPED) {
    for (const value of values) {
      assert.deepEqual(
        problemsOf(type, value).map(({ field }) => field),
        ["a"],
        `${type} ${JSON.stringify(value)}`,
      );
    }
  }
});

const WELL_TYPED: [type: string, ...values: unknown[]][] = [
  ["string", "", "x", "' OR 1=1", "\n", "😀"],
  ["int", 0, -1, 2 ** 53 - 1, "9223372036854775807", "-9223372036854775808"],
  ["float", 0, -0.5, 1e300],
  ["bool", true, false],
  ["date", "2025-11-15", "2024-02-29", "0001-01-01", "9999-12-31"],
  ["timestamp", "2025-11-15T10:00:00Z", "2025-11-15T10:00:00.123456+05:30", "2025-11-15t23:59:59z"],
];

test("well-typed values are taken as they are", () => {
  for (const [type, ...values] of WELL_TYPED) {
    for (const value of values) {
      const one = goodTemplate(`parameters:\n  a: { type: ${type} }\n${STEP}`);
      assert.deepEqual(resolveParameters(one, { a: value }, NOW), { values: { a: value } });
    }
  }
});

test("today and yesterday are days of the zone that is asked for", () => {
  const template = {
    strictParameters: true,
    parameters: ["today", "yesterday"].map((word) => ({
      ...{ name: word, type: "date" as const, default: word, required: false, description: "" },
    })),
  };
  const at = Date.parse("2026-03-01T11:30:00Z");
  const days = (timezone?: string) => resolveParameters(template, {}, at, timezone);
  assert.deepEqual(days(), { values: { today: "2026-03-01", yesterday: "2026-02-28" } });
  assert.deepEqual(days("Pacific/Kiritimati"), { values: { today: "2026-03-02", yesterday: "2026-03-01" } });
  assert.deepEqual(days("Pacific/Niue"), { values: { today: "2026-03-01", yesterday: "2026-02-28" } });
  const early = Date.parse("2026-03-01T04:30:00Z");
  assert.deepEqual(resolveParameters(template, {}, early, "America/New_York"), {
    values: { today: "2026-02-28", yesterday: "2026-02-27" },
  });
});
