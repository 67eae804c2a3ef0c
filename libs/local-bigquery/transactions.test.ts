import assert from "node:assert/strict";
import { test } from "node:test";
import { type Kit, refuses, startKit } from "./test-kit.ts";

async function kitWithTable(t: Parameters<typeof startKit>[0]): Promise<Kit> {
  const kit = await startKit(t);
  await kit.client.createDataset("d");
  await kit.rows("CREATE TABLE d.t (id INT64)");
  return kit;
}

const all = (kit: Kit): Promise<unknown[]> => kit.rows("SELECT id FROM d.t ORDER BY id");

test("COMMIT keeps, ROLLBACK takes back, and both are seen within", async (t) => {
  const kit = await kitWithTable(t);
  assert.deepEqual(
    await kit.rows(
      `DECLARE seen INT64;
       BEGIN TRANSACTION;
       INSERT d.t VALUES (1), (2);
       SET seen = (SELECT COUNT(*) FROM d.t);
       COMMIT TRANSACTION;
       BEGIN; DELETE FROM d.t WHERE TRUE; ROLLBACK;
       SELECT seen, COUNT(*) AS n FROM d.t`,
    ),
    [{ seen: 2, n: 2 }],
  );
});

test("a failed statement leaves the transaction open, with what came before it", async (t) => {
  const kit = await kitWithTable(t);
  await kit.rows(
    `BEGIN TRANSACTION;
     INSERT d.t VALUES (1);
     BEGIN
       INSERT d.t SELECT CAST(x AS INT64) FROM UNNEST(['2', 'x']) AS x;
     EXCEPTION WHEN ERROR THEN INSERT d.t VALUES (3);
     END;
     COMMIT`,
  );
  assert.deepEqual(await all(kit), [{ id: 1 }, { id: 3 }]);
});

test("what is not committed has no effect: an open end, an error", async (t) => {
  const kit = await kitWithTable(t);
  assert.deepEqual(
    await kit.rows("BEGIN TRANSACTION; INSERT d.t VALUES (1); SELECT COUNT(*) AS n FROM d.t"),
    [{ n: 1 }],
  );
  assert.deepEqual(await all(kit), []);
  await refuses(
    kit,
    "BEGIN TRANSACTION; INSERT d.t VALUES (1); SELECT 1 / 0",
    400,
    "invalidQuery",
    /division/,
  );
  assert.deepEqual(await all(kit), []);
  await kit.rows("INSERT d.t VALUES (9)");
  assert.deepEqual(await all(kit), [{ id: 9 }]);
});

test("other jobs wait for an open transaction, and see nothing of it before", async (t) => {
  const kit = await kitWithTable(t);
  const script = `BEGIN TRANSACTION; INSERT d.t VALUES (1);
    INSERT d.t SELECT SUM(x) FROM UNNEST(GENERATE_ARRAY(1, 3000000)) AS x WHERE x < 2; COMMIT; SELECT 1 AS one`;
  const [first] = await Promise.all([kit.rows(script), kit.rows("INSERT d.t VALUES (5)")]);
  assert.deepEqual(first, [{ one: 1 }]);
  assert.deepEqual(await all(kit), [{ id: 1 }, { id: 1 }, { id: 5 }]);
});

test("transactions that are none are refused", async (t) => {
  const kit = await kitWithTable(t);
  await refuses(kit, "COMMIT TRANSACTION; SELECT 1", 400, "invalidQuery", /no transaction/);
  await refuses(kit, "BEGIN TRANSACTION; BEGIN TRANSACTION; COMMIT", 400, "invalidQuery", /nested/);
  await refuses(kit, "BEGIN; CREATE TABLE d.u (x INT64); COMMIT", 501, "notImplemented", /DDL within/);
});
