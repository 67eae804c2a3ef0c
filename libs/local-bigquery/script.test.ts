import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf, refuses, startKit } from "./test-kit.ts";

const SCRIPTS: [what: string, script: string, rows: unknown[]][] = [
  [
    "IF, ELSEIF and ELSE",
    `DECLARE x INT64 DEFAULT 10; DECLARE label STRING;
     IF x > 50 THEN SET label = 'huge'; ELSEIF CASE WHEN x > 5 THEN TRUE END THEN SET label = 'big'; ELSE SET label = 'small'; END IF;
     SELECT label`,
    [{ label: "big" }],
  ],
  [
    "WHILE, BREAK and CONTINUE",
    `DECLARE total, i INT64 DEFAULT 0;
     WHILE TRUE DO
       SET i = i + 1;
       IF i = 3 THEN CONTINUE; END IF;
       IF i > 5 THEN BREAK; END IF;
       SET total = total + i;
     END WHILE;
     SELECT total AS t`,
    [{ t: 12 }],
  ],
  [
    "FOR over rows in order",
    `DECLARE seen STRING DEFAULT '';
     FOR r IN (SELECT * FROM UNNEST([STRUCT('b' AS k, 2 AS v), ('a', 1)]) ORDER BY k) DO
       SET seen = seen || r.k || CAST(r.v AS STRING);
     END FOR;
     SELECT seen`,
    [{ seen: "a1b2" }],
  ],
  [
    "EXCEPTION catches, and the block's variables end with it",
    `DECLARE outcome STRING DEFAULT 'ok';
     BEGIN
       DECLARE inner_one INT64 DEFAULT 1;
       EXECUTE IMMEDIATE 'SELECT 1 / 0';
       SET outcome = 'not reached';
     EXCEPTION WHEN ERROR THEN SET outcome = 'caught'; END;
     SELECT outcome`,
    [{ outcome: "caught" }],
  ],
  [
    "values of every kind keep their exact value",
    `DECLARE n NUMERIC DEFAULT NUMERIC '12345678901234567890.123456789';
     DECLARE b BYTES DEFAULT b'\\x00\\xff'; DECLARE f FLOAT64 DEFAULT 0.1; DECLARE a ARRAY<STRUCT<x NUMERIC, t TIMESTAMP>>;
     DECLARE d DATE DEFAULT '2024-02-29';
     SET a = [STRUCT(NUMERIC '0.1' AS x, TIMESTAMP '2024-01-02 03:04:05.123456 UTC' AS t)];
     SELECT CAST(n AS STRING) AS n, TO_HEX(b) AS b, f = 0.1 AS f, CAST(a[OFFSET(0)].x AS STRING) AS x,
       CAST(a[OFFSET(0)].t AS STRING) AS t, CAST(d AS STRING) AS d`,
    [
      {
        n: "12345678901234567890.123456789",
        b: "00ff",
        f: true,
        x: "0.1",
        t: "2024-01-02 03:04:05.123456+00",
        d: "2024-02-29",
      },
    ],
  ],
  [
    "SET of several variables",
    "DECLARE a INT64; DECLARE b STRING; SET (a, b) = (1, 'x'); SELECT a, b",
    [{ a: 1, b: "x" }],
  ],
  ["a column hides a variable", "DECLARE x INT64 DEFAULT 1; SELECT x FROM UNNEST([2]) AS x", [{ x: 2 }]],
  [
    "temporary functions in SQL",
    `CREATE TEMP FUNCTION double_it(x INT64) AS (x * 2);
     CREATE TEMP FUNCTION label(x INT64, s STRING) RETURNS STRING AS (CONCAT(s, '=', CAST(double_it(x) AS STRING)));
     SELECT label(n, 'k') AS l FROM UNNEST([1, 2]) AS n ORDER BY n`,
    [{ l: "k=2" }, { l: "k=4" }],
  ],
  [
    "LOOP, LEAVE and ITERATE; REPEAT",
    `DECLARE i, sum INT64 DEFAULT 0;
     LOOP SET i = i + 1; IF i = 2 THEN ITERATE; END IF; IF i > 4 THEN LEAVE; END IF; SET sum = sum + i; END LOOP;
     REPEAT SET i = i - 1; UNTIL i <= 2 END REPEAT;
     SELECT sum, i`,
    [{ sum: 8, i: 2 }],
  ],
  [
    "CASE as a statement, with and without a value",
    `DECLARE k STRING DEFAULT 'b'; DECLARE a, c STRING;
     CASE k WHEN 'a' THEN SET a = 'first'; WHEN CONCAT('', 'b') THEN SET a = 'second'; END CASE;
     CASE WHEN k = 'x' THEN SET c = 'no'; ELSE SET c = CASE k WHEN 'b' THEN 'other' END; END CASE;
     SELECT a, c`,
    [{ a: "second", c: "other" }],
  ],
  [
    "EXECUTE IMMEDIATE with USING and INTO",
    `DECLARE n INT64; DECLARE s STRING;
     EXECUTE IMMEDIATE 'SELECT @a + @b, @s' INTO n, s USING 2 AS a, 3 AS b, 'w' AS s;
     EXECUTE IMMEDIATE 'SELECT ? || ?' INTO s USING s, 'x';
     EXECUTE IMMEDIATE CONCAT('SELECT x FROM UNNEST([1]) AS x WHERE x > ', '5') INTO n;
     SELECT n, s`,
    [{ n: null, s: "wx" }],
  ],
  ["RETURN ends a script", "SELECT 1 AS one; RETURN; SELECT 2 AS two", [{ one: 1 }]],
  ["an empty block", "BEGIN END; SELECT '' AS s", [{ s: "" }]],
];

for (const [what, script, rows] of SCRIPTS) {
  test(`script: ${what}`, async (t) => {
    const kit = await startKit(t);
    assert.deepEqual(await kit.rows(script), rows);
  });
}

test("a script's statements keep their effect when a later one fails", async (t) => {
  const kit = await startKit(t);
  await kit.client.createDataset("d");
  await kit.rows("CREATE TABLE d.t (a INT64)");
  const script =
    "DECLARE x INT64 DEFAULT 1; INSERT d.t VALUES (x); SET x = x + 1; INSERT d.t VALUES (x); SELECT x / 0";
  await refuses(kit, script, 400, "invalidQuery", /division by zero/);
  assert.deepEqual(await kit.rows("SELECT a FROM d.t ORDER BY a"), [{ a: 1 }, { a: 2 }]);
});

test("a script is cancelled in its loop", async (t) => {
  const { client } = await startKit(t);
  const [job] = await client.createQueryJob(
    "DECLARE x INT64 DEFAULT 0; WHILE TRUE DO SET x = x + 1; END WHILE;",
  );
  await job.cancel();
  assert.equal((await failureOf(job.promise())).reason, "stopped");
});

test("faults of a script are named", async (t) => {
  const kit = await startKit(t);
  await refuses(
    kit,
    "DECLARE x INT64 DEFAULT 'a'; SELECT x",
    400,
    "invalidQuery",
    /Cannot coerce expression of type STRING/,
  );
  await refuses(
    kit,
    "CREATE TEMP FUNCTION f(x INT64) AS (y); SELECT f(1)",
    400,
    "invalidQuery",
    /Unrecognized name: y/,
  );
  await refuses(
    kit,
    "CREATE TEMP FUNCTION f(x INT64) AS (f(x)); SELECT f(1)",
    400,
    "invalidQuery",
    /calls itself/,
  );
  await refuses(
    kit,
    "CREATE TEMP FUNCTION f(x INT64) AS (x); SELECT f('a')",
    400,
    "invalidQuery",
    /No matching signature/,
  );
  await refuses(kit, "SET y = 1; SELECT 1", 400, "invalidQuery", /Undeclared variable: y/);
  await refuses(kit, "DECLARE x INT64; DECLARE X STRING; SELECT 1", 400, "invalidQuery", /redeclaration/);
  await refuses(kit, "IF TRUE THEN SELECT 1; END; SELECT 1", 400, "invalidQuery", /Syntax error/);
  await refuses(
    kit,
    "BEGIN RAISE USING MESSAGE = 'own words'; END; SELECT 1",
    400,
    "invalidQuery",
    /^own words$/,
  );
  await refuses(kit, "DECLARE x INT64; a: LOOP BREAK; END LOOP; SELECT 1", 501, "notImplemented", /labels/);
  await refuses(
    kit,
    "BEGIN SELECT SEARCH('x', 'y'); EXCEPTION WHEN ERROR THEN SELECT 1; END; SELECT 2",
    501,
    "notImplemented",
    /SEARCH/,
  );
});
