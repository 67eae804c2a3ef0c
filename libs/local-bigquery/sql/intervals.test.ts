import assert from "node:assert/strict";
import { test } from "node:test";
import { startKit } from "../test-kit.ts";
import { checkExpressions, checkRefusals } from "./test-expressions.ts";

checkExpressions("INTERVAL literals, one part or several", [
  ["INTERVAL 5 DAY", "0-0 5 0:0:0"],
  ["INTERVAL -13 MONTH", "-1-1 0 0:0:0"],
  ["INTERVAL 1 QUARTER", "0-3 0 0:0:0"],
  ["INTERVAL 1 WEEK", "0-0 7 0:0:0"],
  ["INTERVAL '1-2 -3 4:5:6.5' YEAR TO SECOND", "1-2 -3 4:5:6.500"],
  ["INTERVAL '-0-2' YEAR TO MONTH", "-0-2 0 0:0:0"],
  ["INTERVAL '1-15' YEAR TO MONTH", "2-3 0 0:0:0"],
  ["INTERVAL '1 -2:3' DAY TO MINUTE", "0-0 1 -2:3:0"],
  ["INTERVAL '3:4.25' MINUTE TO SECOND", "0-0 0 0:3:4.250"],
  ["INTERVAL '0:0:0.000001' HOUR TO SECOND", "0-0 0 0:0:0.000001"],
  ["MAKE_INTERVAL(1, 2, 3, 4, 5, 6)", "1-2 3 4:5:6"],
  ["MAKE_INTERVAL(minute => 90)", "0-0 0 1:30:0"],
  ["MAKE_INTERVAL(NULL)", null],
]);

checkExpressions("INTERVAL from text", [
  ["CAST('1-2 3 4' AS INTERVAL)", "1-2 3 4:0:0"],
  ["CAST('4:5:6' AS INTERVAL)", "0-0 0 4:5:6"],
  ["CAST('3 4:5' AS INTERVAL)", "0-0 3 4:5:0"],
  ["CAST('P1Y2M3DT4H5M6S' AS INTERVAL)", "1-2 3 4:5:6"],
  ["CAST('P-1Y2WT1.5S' AS INTERVAL)", "-1-0 14 0:0:1.500"],
  ["SAFE_CAST('4:5' AS INTERVAL)", null],
  ["SAFE_CAST('P' AS INTERVAL)", null],
  ["SAFE_CAST('p1d' AS INTERVAL)", null],
]);

checkExpressions("INTERVAL arithmetic", [
  ["DATE '2021-06-01' - DATE '2021-05-31'", "0-0 1 0:0:0"],
  ["DATETIME '2021-06-01 12:34:56.789' - DATETIME '2021-05-31 00:00:00'", "0-0 1 12:34:56.789"],
  ["DATETIME '2021-05-31 00:00:00' - DATETIME '2021-06-01 12:00:00'", "0-0 -1 -12:0:0"],
  ["TIMESTAMP '2021-06-01 12:34:56.789+00' - TIMESTAMP '2021-05-31 00:00:00+00'", "0-0 0 36:34:56.789"],
  ["TIME '10:00:00' - TIME '11:00:00'", "0-0 0 -1:0:0"],
  ["INTERVAL 1 MONTH / 4", "0-0 7 12:0:0"],
  ["INTERVAL -7 MONTH / 2", "-0-3 -15 0:0:0"],
  ["INTERVAL '0-1 -1 0:0:1' YEAR TO SECOND * 3", "0-3 -3 0:0:3"],
  ["2 * INTERVAL 5 DAY", "0-0 10 0:0:0"],
  ["-INTERVAL '1-2 3' YEAR TO DAY", "-1-2 -3 0:0:0"],
  ["INTERVAL 1 DAY + INTERVAL 1 MONTH - INTERVAL 1 HOUR", "0-1 1 -1:0:0"],
  ["DATE '2021-01-31' + INTERVAL '0-1 1' YEAR TO DAY", "2021-03-01 00:00:00"],
  ["DATETIME '2021-03-31 01:00:00' - INTERVAL '0-1 0 2' YEAR TO HOUR", "2021-02-27 23:00:00"],
  ["TIMESTAMP '2021-01-01 00:00:00+00' + INTERVAL '1 1' DAY TO HOUR", "2021-01-02 01:00:00+00"],
  ["INTERVAL 1 MONTH = INTERVAL 30 DAY", "true"],
  ["INTERVAL 25 HOUR > INTERVAL 1 DAY", "true"],
  ["(SELECT MAX(i) FROM UNNEST([INTERVAL 29 DAY, INTERVAL 1 MONTH]) AS i)", "0-1 0 0:0:0"],
]);

checkExpressions("JUSTIFY_* and EXTRACT of INTERVAL values", [
  ["JUSTIFY_HOURS(INTERVAL '1 -30:0:0' DAY TO SECOND)", "0-0 0 -6:0:0"],
  ["JUSTIFY_HOURS(INTERVAL 30 HOUR)", "0-0 1 6:0:0"],
  ["JUSTIFY_DAYS(INTERVAL -40 DAY)", "-0-1 -10 0:0:0"],
  ["JUSTIFY_DAYS(INTERVAL '1 -35' MONTH TO DAY)", "0-0 -5 0:0:0"],
  ["JUSTIFY_INTERVAL(INTERVAL '29 49:0:0' DAY TO SECOND)", "0-1 1 1:0:0"],
  ["JUSTIFY_INTERVAL(INTERVAL '1 -35 -49' MONTH TO HOUR)", "0-0 -7 -1:0:0"],
  ["EXTRACT(YEAR FROM INTERVAL -13 MONTH)", "-1"],
  ["EXTRACT(MONTH FROM INTERVAL -13 MONTH)", "-1"],
  ["EXTRACT(DAY FROM INTERVAL 40 DAY)", "40"],
  ["EXTRACT(MINUTE FROM INTERVAL '-1:30:5.123456' HOUR TO SECOND)", "-30"],
  ["EXTRACT(MILLISECOND FROM INTERVAL '-1:30:5.123456' HOUR TO SECOND)", "-123"],
  ["EXTRACT(MICROSECOND FROM INTERVAL '-1:30:5.123456' HOUR TO SECOND)", "-123456"],
]);

checkRefusals("what GoogleSQL refuses of INTERVAL values", [
  ["SELECT INTERVAL 10001 YEAR", /Interval field months '120012' is out of range/],
  ["SELECT INTERVAL '1 2' YEAR TO DAY", /Invalid INTERVAL value '1 2'/],
  ["SELECT INTERVAL 1500 MILLISECOND", /Invalid interval datetime field MILLISECOND/],
  ["SELECT INTERVAL 1 DAY / 0", /Interval division by zero/],
  ["SELECT INTERVAL 1 DAY * 1.5", /No matching signature for operator \*/],
  [
    "SELECT TIMESTAMP '2021-01-01 00:00:00+00' + i FROM UNNEST([INTERVAL 1 MONTH]) AS i",
    /non-zero MONTH or YEAR/,
  ],
  ["SELECT EXTRACT(WEEK FROM INTERVAL 40 DAY)", /Unsupported date part WEEK in EXTRACT FROM INTERVAL/],
  ["SELECT CAST(INTERVAL 1 DAY AS INT64)", /Invalid cast from INTERVAL to INT64/],
]);

test("INTERVAL values are stored, bound and kept by scripts", async (t) => {
  const { client, rows } = await startKit(t);
  await client.createDataset("d");
  await rows("CREATE TABLE d.t (k INT64, i INTERVAL)");
  await client
    .dataset("d")
    .table("t")
    .insert([{ k: 1, i: "1-2 3 4:5:6" }]);
  await rows(
    "DECLARE v INTERVAL DEFAULT INTERVAL '-0-2 5 -1:0:0.5' YEAR TO SECOND; INSERT d.t VALUES (2, v)",
  );
  assert.deepEqual(await rows("SELECT CAST(i AS STRING) AS i FROM d.t ORDER BY k"), [
    { i: "1-2 3 4:5:6" },
    { i: "-0-2 5 -1:0:0.500" },
  ]);
});
