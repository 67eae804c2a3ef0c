import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf, type Kit, refuses, startKit } from "./test-kit.ts";

async function startWithTable(t: Parameters<typeof startKit>[0]): Promise<Kit> {
  const kit = await startKit(t);
  await kit.client.createDataset("d");
  await kit.rows("CREATE TABLE d.t (a INT64, b STRING)");
  await kit.rows("INSERT d.t VALUES (1, 'x'), (2, NULL)");
  return kit;
}

test("a view is read as its query is, with its own column names, and on other views", async (t) => {
  const { rows, client } = await startWithTable(t);
  await rows("CREATE VIEW d.v (k, n) AS SELECT a, a * 2 FROM d.t");
  await rows("CREATE VIEW d.w AS SELECT * FROM d.v WHERE k > 1");
  assert.deepEqual(await rows("SELECT v.n FROM d.v AS v JOIN d.w USING (k)"), [{ n: 4 }]);
  await rows("INSERT d.t VALUES (3, 'y')");
  assert.deepEqual(await rows("SELECT k FROM d.w ORDER BY k"), [{ k: 2 }, { k: 3 }]);
  const [metadata] = await client.dataset("d").table("v").getMetadata();
  assert.equal(metadata.type, "VIEW");
  assert.equal(metadata.view.query, "SELECT a, a * 2 FROM d.t");
});

test("a view takes no rows, is dropped as a view, and goes stale with its table", async (t) => {
  const kit = await startWithTable(t);
  await kit.rows("CREATE VIEW d.v AS SELECT * FROM d.t");
  await refuses(kit, "INSERT d.v VALUES (1, 'x')", 400, "invalidQuery", /cannot be changed by DML/);
  await refuses(kit, "TRUNCATE TABLE d.v", 400, "invalid", /it is a VIEW/);
  await refuses(kit, "DROP TABLE d.v", 400, "invalidQuery", /is a VIEW, not a TABLE/);
  await refuses(kit, "CREATE VIEW d.v AS SELECT 1 AS x", 409, "duplicate", /Already Exists: Table/);
  const streamed = await failureOf(
    kit.client
      .dataset("d")
      .table("v")
      .insert([{ a: 1 }]),
  );
  assert.equal(streamed.code, 400);
  await kit.rows("ALTER TABLE d.t ADD COLUMN c INT64");
  await refuses(kit, "SELECT * FROM d.v", 400, "invalidQuery", /no longer has the columns/);
  await kit.rows("DROP VIEW d.v");
  await refuses(kit, "SELECT * FROM d.v", 404, "notFound", /d\.v was not found/);
});

test("a view made by REST is a view", async (t) => {
  const { client, rows } = await startWithTable(t);
  await client.dataset("d").createTable("v", { view: "SELECT a FROM d.t" });
  assert.deepEqual(await rows("SELECT SUM(a) AS s FROM d.v"), [{ s: 3 }]);
});

test("ALTER TABLE adds, renames and drops columns, and renames the table", async (t) => {
  const kit = await startWithTable(t);
  await kit.rows("ALTER TABLE d.t ADD COLUMN c ARRAY<STRING>, RENAME COLUMN a TO k, DROP COLUMN b");
  assert.deepEqual(await kit.rows("SELECT * FROM d.t ORDER BY k"), [
    { k: 1, c: [] },
    { k: 2, c: [] },
  ]);
  await kit.rows("ALTER TABLE d.t ADD COLUMN IF NOT EXISTS c STRING");
  await refuses(kit, "ALTER TABLE d.t DROP COLUMN z", 400, "invalidQuery", /Column not found: z/);
  await refuses(kit, "ALTER TABLE d.none ADD COLUMN z INT64", 404, "notFound", /d\.none was not found/);
  await kit.rows("ALTER TABLE d.t RENAME TO U");
  await kit.rows("INSERT d.U (k) VALUES (3)");
  assert.deepEqual(await kit.rows("SELECT COUNT(*) AS n FROM d.U"), [{ n: 3 }]);
  await refuses(kit, "SELECT * FROM d.t", 404, "notFound", /d\.t was not found/);
});

test("clones and snapshots keep the rows that there were; a snapshot cannot be changed", async (t) => {
  const kit = await startWithTable(t);
  await kit.rows("CREATE TABLE d.c CLONE d.t");
  await kit.rows("CREATE SNAPSHOT TABLE d.s CLONE d.t");
  await kit.rows("UPDATE d.c SET b = 'z' WHERE TRUE");
  await kit.rows("DELETE FROM d.t WHERE TRUE");
  assert.deepEqual(await kit.rows("SELECT b FROM d.s ORDER BY a"), [{ b: "x" }, { b: null }]);
  assert.deepEqual(await kit.rows("SELECT DISTINCT b FROM d.c"), [{ b: "z" }]);
  await refuses(kit, "DELETE FROM d.s WHERE TRUE", 400, "invalidQuery", /Snapshot s cannot be changed/);
});

test("a copy job copies rows as the disposition says", async (t) => {
  const { client, rows } = await startWithTable(t);
  const [from, to] = [client.dataset("d").table("t"), client.dataset("d").table("copy")];
  const [job] = await from.createCopyJob(to);
  await job.promise();
  const [metadata] = await job.getMetadata();
  assert.equal(metadata.statistics.copy.copiedRows, "2");
  const [again] = await from.createCopyJob(to, { writeDisposition: "WRITE_APPEND" });
  await again.promise();
  assert.deepEqual(await rows("SELECT COUNT(*) AS n FROM d.copy"), [{ n: 4 }]);
  const [empty] = await from.createCopyJob(to);
  assert.equal((await failureOf(empty.promise())).reason, "duplicate");
});

test("columns of tables and views made of queries need names of their own", async (t) => {
  const kit = await startWithTable(t);
  await refuses(kit, "CREATE VIEW d.v AS SELECT 1", 400, "invalidQuery", /column 1 has no name/);
  await refuses(kit, "CREATE TABLE d.n AS SELECT 1 AS a, 2 AS A", 400, "invalidQuery", /duplicate name A/);
  await kit.rows("CREATE TABLE d.n (x INT64) AS SELECT 1");
  assert.deepEqual(await kit.rows("SELECT * FROM d.n"), [{ x: 1 }]);
});
