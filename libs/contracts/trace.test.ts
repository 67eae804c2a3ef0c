import assert from "node:assert/strict";
import { test } from "node:test";
import { childOf, newTrace, traced, traceFields, traceOf } from "./index.ts";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const counting = { bytes: (n: number) => Uint8Array.from({ length: n }, (_, i) => i + 1) };

/** What a traceparent reads as. */
const read = (traceparent: string) => traceOf({ traceparent })?.traceparent;

test("a traceparent is read as the Recommendation has it", () => {
  assert.equal(read(`00-${ID}-${SPAN}-01`), `00-${ID}-${SPAN}-01`);
  assert.equal(read(`00-${ID}-${SPAN}-00`), `00-${ID}-${SPAN}-00`);
  assert.equal(
    read(`00-${ID}-${SPAN}-ff`),
    `00-${ID}-${SPAN}-03`,
    "flags of later versions are not passed on",
  );
  assert.equal(read(`cc-${ID}-${SPAN}-01-what-the-future-holds`), `00-${ID}-${SPAN}-01`);
  assert.equal(read(`cc-${ID}-${SPAN}-01`), `00-${ID}-${SPAN}-01`);
});

test("a malformed traceparent is none", () => {
  const malformed = [
    "",
    `00-${ID}-${SPAN}`,
    `00-${ID}-${SPAN}-01-more`,
    `00-${ID}-${SPAN}-01 `,
    `ff-${ID}-${SPAN}-01`,
    `cc-${ID}-${SPAN}-01.more`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${ID}-${"0".repeat(16)}-01`,
    `00-${ID.toUpperCase()}-${SPAN}-01`,
    `00-${ID}-${SPAN}-1`,
    `00-${ID}-${SPAN}-01, 00-${ID}-${SPAN}-01`,
    `00-${ID}-${SPAN}-01\n`,
  ];
  for (const text of malformed) assert.equal(read(text), undefined, JSON.stringify(text));
  assert.equal(traceOf({ traceparent: [`00-${ID}-${SPAN}-01`] }), null);
  assert.equal(traceOf({ tracestate: "a=1" }), null, "a tracestate alone is nothing");
});

test("a tracestate is passed on as it is, or left out where it is none", () => {
  const state = (tracestate: string) =>
    traceOf({ traceparent: `00-${ID}-${SPAN}-01`, tracestate })?.tracestate;
  const members = (count: number) => Array.from({ length: count }, (_, n) => `k${n}=v`).join(",");
  for (const good of ["a=1", "them=t61rcWkgMzE,us@sys=x y", "a=1 , b=2", "a=1,,b=2", members(32)])
    assert.equal(state(good), good);
  for (const bad of ["", "a", "A=1", "a=", "a=b=c", "a=1;b=ü", "a=1\n", members(33), `a=${"x".repeat(511)}`])
    assert.equal(state(bad), null, bad);
  const begun = performance.now();
  for (const slow of [`a=${" ".repeat(505)}\t`, `${"a=1   ,".repeat(31)}!`, `a=${" ,".repeat(200)}`])
    state(slow);
  assert.ok(performance.now() - begun < 50, "no text makes reading slow");
});

test("a new trace, and a span within one", () => {
  const trace = newTrace(counting);
  assert.equal(trace.traceparent, "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-00");
  assert.deepEqual(traceOf(traced(trace).headers ?? {}), trace);
  const theirs = { traceparent: `00-${ID}-${SPAN}-01`, tracestate: "a=1" };
  const child = childOf(theirs, counting);
  assert.deepEqual(child, { traceparent: `00-${ID}-0102030405060708-01`, tracestate: "a=1" });
  assert.deepEqual(traced(child).headers, { ...child });
  assert.deepEqual(traceFields(child), { trace_id: ID, span_id: "0102030405060708" });
  assert.deepEqual([traced(null), traceFields(null)], [{}, {}]);
});
