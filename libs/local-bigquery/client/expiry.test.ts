import assert from "node:assert/strict";
import { test } from "node:test";
import { type Kit, startKit } from "../test-kit.ts";
import { fails, metadataOf } from "./steps-test-kit.ts";

const BEGIN = 1_800_000_000_000;
const HOUR = 3_600_000;

/** A table that expires in an hour; the clock is the test's. */
async function withTable(kit: Kit): Promise<void> {
  const [dataset] = await kit.client.createDataset("d");
  await dataset.createTable("t", { schema: "a:integer", expirationTime: String(BEGIN + HOUR) });
  await kit.rows("INSERT INTO d.t VALUES (1)");
}

test("a table is there until it expires, then it is not found", async (t) => {
  let now = BEGIN;
  const kit = await startKit(t, { clock: { now: () => now, after: () => ({ clear() {} }) } });
  await withTable(kit);
  now = BEGIN + HOUR - 1;
  assert.deepEqual(await kit.rows("SELECT a FROM d.t"), [{ a: 1 }]);
  now = BEGIN + HOUR;
  await fails(kit.rows("SELECT a FROM d.t"), "notFound", /Table gac-prod-471220:d\.t was not found/);
  assert.deepEqual((await kit.client.dataset("d").getTables())[0], []);
});

test("an expiry can be put off and taken away", async (t) => {
  let now = BEGIN;
  const kit = await startKit(t, { clock: { now: () => now, after: () => ({ clear() {} }) } });
  await withTable(kit);
  const table = kit.client.dataset("d").table("t");
  await table.setMetadata({ expirationTime: String(BEGIN + 2 * HOUR) });
  now = BEGIN + HOUR;
  assert.deepEqual(await kit.rows("SELECT a FROM d.t"), [{ a: 1 }]);
  const body = JSON.stringify({ expirationTime: null });
  const url = `${kit.server.url}/bigquery/v2/projects/gac-prod-471220/datasets/d/tables/t`;
  await fetch(url, { method: "PATCH", body });
  now = BEGIN + 3 * HOUR;
  assert.deepEqual(await kit.rows("SELECT a FROM d.t"), [{ a: 1 }]);
  assert.equal((await metadataOf(table.getMetadata())).expirationTime, undefined);
});
