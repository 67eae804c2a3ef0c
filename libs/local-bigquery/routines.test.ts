import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Kit, refuses, startKit } from "./test-kit.ts";

async function kitWithTable(t: Parameters<typeof startKit>[0], file: string | null = null): Promise<Kit> {
  const kit = await startKit(t, { file });
  await kit.client.createDataset("d");
  await kit.rows("CREATE TABLE d.t (id INT64, kind STRING); INSERT d.t VALUES (1, 'a'), (2, 'a'), (3, 'b')");
  return kit;
}

test("stored functions: by path, with tables, templates, and each other", async (t) => {
  const { rows } = await kitWithTable(t);
  await rows("CREATE FUNCTION d.twice(x INT64) AS (x * 2)");
  await rows(
    "CREATE FUNCTION `d.howMany`(k STRING) RETURNS INT64 AS ((SELECT COUNT(*) FROM d.t WHERE kind = k))",
  );
  await rows("CREATE OR REPLACE FUNCTION d.either(x ANY TYPE, y ANY TYPE) AS (COALESCE(x, y))");
  await rows("CREATE FUNCTION IF NOT EXISTS d.fourfold(x INT64) RETURNS FLOAT64 AS (d.twice(d.twice(x)))");
  assert.deepEqual(
    await rows(
      "SELECT d.twice(id) AS a, `d.howMany`(kind) AS b, d.either(NULLIF(kind, 'b'), 'z') AS c, d.fourfold(id) / 8 AS e FROM d.t ORDER BY id",
    ),
    [
      { a: 2, b: 2, c: "a", e: 0.5 },
      { a: 4, b: 2, c: "a", e: 1 },
      { a: 6, b: 1, c: "z", e: 1.5 },
    ],
  );
  await rows("CREATE VIEW d.v AS SELECT d.twice(id) AS two FROM d.t");
  assert.deepEqual(await rows("SELECT MAX(two) AS m FROM d.v"), [{ m: 6 }]);
});

test("stored functions: what is refused", async (t) => {
  const kit = await kitWithTable(t);
  await kit.rows("CREATE FUNCTION d.f(x INT64) AS (x)");
  await refuses(
    kit,
    "CREATE FUNCTION d.f(x INT64) AS (x)",
    409,
    "duplicate",
    /Already Exists: Routine .*:d\.f/,
  );
  await refuses(kit, "SELECT d.f('a')", 400, "invalidQuery", /No matching signature for function d\.f/);
  await refuses(kit, "SELECT d.F(1)", 400, "invalidQuery", /Function not found: d\.F at \[1:8\]/);
  await refuses(kit, "CREATE FUNCTION d.g(x INT64) AS (y)", 400, "invalidQuery", /Unrecognized name: y/);
  await refuses(
    kit,
    "CREATE FUNCTION d.g(x INT64) RETURNS DATE AS (x)",
    400,
    "invalidQuery",
    /incompatible type INT64/,
  );
  await refuses(kit, "CREATE FUNCTION nowhere.g(x INT64) AS (x)", 404, "notFound", /Dataset/);
  await refuses(kit, "DROP TABLE FUNCTION d.f", 400, "invalidQuery", /is a FUNCTION/);
  await kit.rows("DROP FUNCTION d.f");
  await refuses(kit, "DROP FUNCTION d.f", 404, "notFound", /Routine .*:d\.f/);
  await kit.rows("DROP FUNCTION IF EXISTS d.f");
});

test("table functions", async (t) => {
  const kit = await kitWithTable(t);
  await kit.rows("CREATE TABLE FUNCTION d.of_kind(k STRING) AS (SELECT id, kind FROM d.t WHERE kind = k)");
  await kit.rows(
    "CREATE TABLE FUNCTION d.typed(n INT64) RETURNS TABLE<x FLOAT64, s STRING> AS SELECT n, 'a'",
  );
  assert.deepEqual(
    await kit.rows(
      "SELECT f.id, u.id AS other FROM d.of_kind('a') AS f JOIN d.of_kind('a') AS u ON f.id < u.id",
    ),
    [{ id: 1, other: 2 }],
  );
  assert.deepEqual(await kit.rows("SELECT x / 2 AS h, s FROM d.typed((SELECT MAX(id) FROM d.t))"), [
    { h: 1.5, s: "a" },
  ]);
  assert.deepEqual(await kit.rows({ query: "SELECT COUNT(*) AS n FROM d.of_kind(@k)", params: { k: "b" } }), [
    { n: 1 },
  ]);
  await refuses(
    kit,
    "SELECT * FROM d.none(1)",
    400,
    "invalidQuery",
    /Table-valued function not found: d\.none/,
  );
  await refuses(kit, "CREATE TABLE FUNCTION d.bad() AS SELECT 1", 400, "invalidQuery", /must be named/);
});

test("procedures: modes of parameters, their own variables, calls in one another", async (t) => {
  const { rows } = await kitWithTable(t);
  await rows(
    `CREATE PROCEDURE d.add(IN n INT64, OUT total INT64, INOUT calls INT64)
     BEGIN
       DECLARE id INT64 DEFAULT (SELECT MAX(id) + 1 FROM d.t);
       INSERT d.t VALUES (id, 'p');
       SET total = id + n;
       SET calls = calls + 1;
       IF n > 0 THEN CALL d.add(n - 1, total, calls); END IF;
     END`,
  );
  assert.deepEqual(
    await rows("DECLARE total INT64; DECLARE id INT64 DEFAULT 0; CALL d.add(2, total, id); SELECT total, id"),
    [{ total: 6, id: 3 }],
  );
  assert.deepEqual(await rows("SELECT COUNT(*) AS n FROM d.t WHERE kind = 'p'"), [{ n: 3 }]);
});

test("procedures: RETURN, and what is refused", async (t) => {
  const kit = await kitWithTable(t);
  await kit.rows("CREATE PROCEDURE d.early(OUT x STRING) BEGIN SET x = 'a'; RETURN; SET x = 'b'; END");
  assert.deepEqual(await kit.rows("DECLARE x STRING; CALL d.early(x); SELECT x"), [{ x: "a" }]);
  await kit.rows("CREATE PROCEDURE d.endless() BEGIN CALL d.endless(); END");
  await refuses(kit, "CALL d.endless()", 400, "invalidQuery", /Out of stack space/);
  await refuses(kit, "CALL d.none()", 404, "notFound", /Procedure d\.none/);
  await refuses(kit, "CALL d.early()", 400, "invalidQuery", /takes 1 arguments/);
  await refuses(kit, "CALL d.early('a')", 400, "invalidQuery", /must be a variable/);
  await refuses(kit, "CREATE PROCEDURE d.bad() BEGIN SELECT 1", 400, "invalidQuery", /Syntax error/);
});

test("routines go with their dataset, and survive a restart", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "routines-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "w.db");
  const first = await kitWithTable(t, file);
  await first.rows("CREATE FUNCTION d.twice(x INT64) AS (x * 2)");
  await first.rows("DROP TABLE d.t");
  await refuses(first, "DROP SCHEMA d", 400, "resourceInUse", /still in use/);
  await first.server.close();
  const second = await startKit(t, { file });
  assert.deepEqual(await second.rows("SELECT d.twice(4) AS n"), [{ n: 8 }]);
  await second.rows("DROP SCHEMA d CASCADE");
  await second.client.createDataset("d");
  await refuses(second, "SELECT d.twice(4)", 400, "invalidQuery", /Function not found/);
});
