import assert from "node:assert/strict";
import { clientOf, failureOf } from "../test-kit.ts";
import { at, fails, metadataOf, steps } from "./steps-test-kit.ts";

steps("datasets", {
  "a dataset is made with location, labels and description": async ({ client }) => {
    const [made] = await client.createDataset("full", {
      location: "EU",
      labels: { tenant: "a" },
      description: "x",
      friendlyName: "Full",
    });
    const metadata = await metadataOf(made.getMetadata());
    assert.equal(metadata.location, "EU");
    assert.deepEqual(metadata.labels, { tenant: "a" });
    assert.equal(metadata.description, "x");
    assert.equal(metadata.friendlyName, "Full");
  },
  "a dataset without a location is in US": async ({ dataset }) => {
    assert.equal((await metadataOf(dataset.getMetadata())).location, "US");
  },
  "a dataset's times are milliseconds of its making": async ({ dataset }) => {
    const { creationTime, lastModifiedTime } = await metadataOf(dataset.getMetadata());
    assert.ok(Math.abs(Date.now() - Number(creationTime)) < 60_000);
    assert.equal(lastModifiedTime, creationTime);
  },
  "the same id again is 409 duplicate": async ({ client, id }) => {
    assert.deepEqual(await failureOf(client.createDataset(id)), {
      code: 409,
      reason: "duplicate",
      message: `Already Exists: Dataset gac-prod-471220:${id}`,
    });
  },
  "an id that is none is 400 invalid": ({ client }) =>
    fails(client.createDataset("bad!"), "invalid", /Invalid dataset ID "bad!"/),
  "a dataset that is not there is 404": ({ client }) =>
    fails(client.dataset("nowhere").get(), "notFound", /^Not found: Dataset gac-prod-471220:nowhere$/),
  "exists tells of both": async ({ client, dataset }) => {
    assert.deepEqual(await dataset.exists(), [true]);
    assert.deepEqual(await client.dataset("nowhere").exists(), [false]);
  },
  "get with autoCreate makes it": async ({ client }) => {
    await client.dataset("auto").get({ autoCreate: true });
    assert.deepEqual(await client.dataset("auto").exists(), [true]);
  },
  "PATCH changes what it names and leaves the rest": async ({ dataset }) => {
    await dataset.setMetadata({ description: "y", friendlyName: "f" });
    await dataset.setMetadata({ description: "z" });
    const metadata = await metadataOf(dataset.getMetadata());
    assert.deepEqual([metadata.description, metadata.friendlyName], ["z", "f"]);
  },
  "PATCH merges labels, null takes one away": async ({ dataset }) => {
    await dataset.setMetadata({ labels: { a: "1", b: "2" } });
    await dataset.setMetadata({ labels: { b: null, c: "3" } });
    assert.deepEqual((await metadataOf(dataset.getMetadata())).labels, { a: "1", c: "3" });
  },
  "an access list is kept and replaced": async ({ dataset }) => {
    const access = [{ role: "OWNER", specialGroup: "projectOwners" }];
    await dataset.setMetadata({ access });
    assert.deepEqual((await metadataOf(dataset.getMetadata())).access, access);
    await dataset.setMetadata({ access: [{ role: "READER", userByEmail: "a@example.com" }] });
    const metadata = await metadataOf(dataset.getMetadata());
    assert.deepEqual(metadata.access, [{ role: "READER", userByEmail: "a@example.com" }]);
  },
  "an etag guards a change: another one is 412": async ({ dataset }) => {
    const { etag } = await metadataOf(dataset.getMetadata());
    await dataset.setMetadata({ description: "new", etag: String(etag) });
    const stale = dataset.setMetadata({ description: "newer", etag: String(etag) });
    await fails(stale, "conditionNotMet", /etag/);
    assert.equal((await metadataOf(dataset.getMetadata())).description, "new");
  },
  "a table of a dataset with a default expiry has it": async ({ client }) => {
    const [made] = await client.createDataset("brief", { defaultTableExpirationMs: "7200000" });
    const [table] = await made.createTable("t", { schema: "a:string" });
    const { creationTime, expirationTime } = await metadataOf(table.getMetadata());
    assert.equal(Number(expirationTime) - Number(creationTime), 7_200_000);
    await made.query("CREATE TABLE u AS SELECT 1 AS a");
    assert.ok(Number((await metadataOf(made.table("u").getMetadata())).expirationTime) > Date.now());
  },
  "the list is in order and filtered by labels": async ({ client }) => {
    for (const name of ["listed_b", "listed_a"])
      await client.createDataset(name, { labels: { listed: "1" } });
    await client.createDataset("listed_c", { labels: { listed: "2" } });
    const ids = async (filter: string): Promise<unknown> =>
      (await client.getDatasets({ filter }))[0].map((d) => d.id);
    assert.deepEqual(await ids("labels.listed:1"), ["listed_a", "listed_b"]);
    assert.deepEqual(await ids("labels.listed"), ["listed_a", "listed_b", "listed_c"]);
  },
  "the list comes in pages, each with a token for the next": async ({ client }) => {
    const all = (await client.getDatasets())[0].map((d) => d.id);
    const seen: unknown[] = [];
    let pageToken: string | undefined;
    do {
      const [page, , next] = await client.getDatasets({ maxResults: 2, autoPaginate: false, pageToken });
      assert.ok(page.length <= 2);
      seen.push(...page.map((d) => d.id));
      const token = at(next, "nextPageToken");
      pageToken = typeof token === "string" ? token : undefined;
    } while (pageToken !== undefined);
    assert.deepEqual(seen, all);
  },
  "a page token that is not the service's is 400": ({ client }) =>
    fails(client.getDatasets({ pageToken: "zzz" }), "invalid", /page token/),
  "deleted, it is gone; deleted again, it is 404": async ({ dataset }) => {
    await dataset.delete();
    assert.deepEqual(await dataset.exists(), [false]);
    await fails(dataset.delete(), "notFound", /^Not found: Dataset/);
  },
  "with tables it is deleted only with its contents": async ({ dataset }) => {
    await dataset.createTable("t", { schema: "a:string" });
    await fails(dataset.delete(), "resourceInUse", /is still in use/);
    await dataset.delete({ force: true });
    assert.deepEqual(await dataset.exists(), [false]);
  },
  "ids that differ by case are different datasets": async ({ client }) => {
    for (const name of ["Sales", "sales", "main"]) {
      await client.createDataset(name);
      await client.query(`CREATE TABLE ${name}.t AS SELECT '${name}' AS name`);
    }
    assert.deepEqual(await client.query("SELECT name FROM Sales.t").then(([r]) => r), [{ name: "Sales" }]);
    await fails(client.query("SELECT name FROM SALES.t"), "notFound", /SALES was not found/);
  },
  "every project id is served, each with datasets of its own": async ({ server, client, id }) => {
    const other = clientOf(server.url, "other-project");
    assert.deepEqual((await other.getDatasets())[0], []);
    await other.createDataset(id);
    await other.query(`CREATE TABLE ${id}.t AS SELECT 'other' AS p`);
    const [rows] = await client.query(`SELECT p FROM \`other-project.${id}.t\``);
    assert.deepEqual(rows, [{ p: "other" }]);
    await fails(client.query(`SELECT p FROM ${id}.t`), "notFound", /Table gac-prod-471220:/);
  },
});
