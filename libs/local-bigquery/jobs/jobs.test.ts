import assert from "node:assert/strict";
import { test } from "node:test";
import { objectOr } from "../json.ts";
import { failureOf, type Kit, PROJECT, refuses, startKit } from "../test-kit.ts";

async function withTable(kit: Kit): Promise<void> {
  await kit.client.createDataset("d");
  await kit.rows("CREATE TABLE d.t (id INT64, name STRING)");
  await kit.rows("INSERT INTO d.t VALUES (1, 'a'), (2, 'b')");
}

/** A request as a client would send it, without the client. */
async function post(
  kit: Kit,
  path: string,
  body: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${kit.server.url}/bigquery/v2/projects/${PROJECT}/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const value: unknown = await response.json();
  return { status: response.status, body: objectOr(value) };
}

test("a job id is good for one job: the second is a duplicate and changes nothing", async (t) => {
  const kit = await startKit(t);
  await withTable(kit);
  const insert = { query: "INSERT INTO d.t VALUES (3, 'c')", jobId: "mine" };
  const [job] = await kit.client.createQueryJob(insert);
  await job.promise();
  const failure = await failureOf(kit.client.createQueryJob(insert));
  assert.deepEqual([failure.code, failure.reason], [409, "duplicate"]);
  assert.match(failure.message, /^Already Exists: Job gac-prod-471220:US\.mine$/);
  assert.deepEqual(await kit.rows("SELECT COUNT(*) AS n FROM d.t"), [{ n: 3 }]);
});

test("a failed job keeps its error, and its id stays used", async (t) => {
  const kit = await startKit(t);
  await withTable(kit);
  const [job] = await kit.client.createQueryJob({ query: "SELECT 1 / 0", jobId: "bad" });
  const [metadata] = await kit.client.job("bad").getMetadata();
  assert.equal(metadata.status.state, "DONE");
  assert.equal(metadata.status.errorResult.reason, "invalidQuery");
  assert.equal(metadata.status.errorResult.message, "division by zero: 1 / 0");
  assert.equal((await failureOf(job.getQueryResults())).code, 400);
  assert.equal((await failureOf(kit.client.createQueryJob({ query: "SELECT 1", jobId: "bad" }))).code, 409);
});

test("a request sent twice with one requestId has one effect and one answer", async (t) => {
  const kit = await startKit(t);
  await withTable(kit);
  const body = { query: "INSERT INTO d.t VALUES (3, 'c')", useLegacySql: false, requestId: "r-1" };
  const [first, second] = [await post(kit, "queries", body), await post(kit, "queries", body)];
  assert.equal(first.status, 200);
  assert.deepEqual(second.body.jobReference, first.body.jobReference);
  assert.equal(second.body.numDmlAffectedRows, "1");
  assert.deepEqual(await kit.rows("SELECT COUNT(*) AS n FROM d.t"), [{ n: 3 }]);
});

test("labels, location and configuration are kept; jobs are listed", async (t) => {
  const kit = await startKit(t);
  await withTable(kit);
  const [job] = await kit.client.createQueryJob({
    query: "SELECT id FROM d.t",
    jobId: "labelled",
    labels: { tenant: "a" },
    location: "EU",
  });
  await job.promise();
  const [metadata] = await kit.client.job("labelled").getMetadata();
  assert.deepEqual(metadata.configuration.labels, { tenant: "a" });
  assert.equal(metadata.jobReference.location, "EU");
  assert.equal(metadata.configuration.query.query, "SELECT id FROM d.t");
  assert.equal(metadata.statistics.query.statementType, "SELECT");
  assert.deepEqual(metadata.statistics.query.referencedTables, [
    { projectId: PROJECT, datasetId: "d", tableId: "t" },
  ]);
  const [jobs] = await kit.client.getJobs({ stateFilter: ["done"] });
  assert.ok(jobs.some((listed) => listed.id === "labelled"));
});

test("dispositions: truncate replaces, append adds, empty refuses a table with rows", async (t) => {
  const kit = await startKit(t);
  await withTable(kit);
  const destination = kit.client.dataset("d").table("out");
  const run = async (query: string, writeDisposition: string): Promise<string> => {
    const [job] = await kit.client.createQueryJob({ query, destination, writeDisposition });
    await job.promise();
    const [metadata] = await job.getMetadata();
    return metadata.statistics.query.queryPlan.at(-1).recordsWritten;
  };
  assert.equal(await run("SELECT id, name FROM d.t", "WRITE_EMPTY"), "2");
  const created = (await destination.getMetadata())[0].creationTime;
  assert.equal((await failureOf(run("SELECT 1 AS id", "WRITE_EMPTY"))).reason, "duplicate");
  assert.equal(await run("SELECT 9 AS id", "WRITE_APPEND"), "1");
  assert.deepEqual(await kit.rows("SELECT id, name FROM d.out ORDER BY id"), [
    { id: 1, name: "a" },
    { id: 2, name: "b" },
    { id: 9, name: null },
  ]);
  assert.match(
    (await failureOf(run("SELECT 1 AS other", "WRITE_APPEND"))).message,
    /Cannot add fields \(field: other\)/,
  );
  assert.equal(await run("SELECT id + 1 AS id FROM d.out WHERE id > 1", "WRITE_TRUNCATE"), "2");
  assert.deepEqual(await kit.rows("SELECT * FROM d.out ORDER BY id"), [{ id: 3 }, { id: 10 }]);
  assert.equal((await destination.getMetadata())[0].creationTime, created);
});

test("a partition decorator replaces that partition alone, and refuses rows of another", async (t) => {
  const kit = await startKit(t);
  await kit.client.createDataset("d");
  await kit.rows("CREATE TABLE d.p (day DATE, v INT64, tags ARRAY<STRING>) PARTITION BY day");
  await kit.rows("INSERT INTO d.p (day, v) VALUES ('2026-01-01', 1), ('2026-01-02', 2)");
  const run = async (query: string, partition: string, writeDisposition: string): Promise<void> => {
    const destination = kit.client.dataset("d").table(`p$${partition}`);
    const [job] = await kit.client.createQueryJob({ query, destination, writeDisposition });
    await job.promise();
  };
  await run(
    "SELECT DATE '2026-01-01' AS day, 10 + v AS v FROM d.p WHERE v = 1",
    "20260101",
    "WRITE_TRUNCATE",
  );
  await run("SELECT DATE '2026-01-02' AS day, 3 AS v", "20260102", "WRITE_APPEND");
  const rows = "SELECT v FROM d.p ORDER BY v";
  assert.deepEqual(await kit.rows(rows), [{ v: 2 }, { v: 3 }, { v: 11 }]);
  const other = await failureOf(run("SELECT DATE '2026-01-05' AS day, 3 AS v", "20260101", "WRITE_TRUNCATE"));
  assert.match(
    other.message,
    /^Some rows belong to different partitions rather than destination partition 20260101$/,
  );
  assert.equal(
    (await failureOf(run("SELECT DATE '2026-01-01' AS day", "20260101", "WRITE_EMPTY"))).reason,
    "duplicate",
  );
  assert.equal(
    (await failureOf(run("SELECT DATE '2026-01-01' AS day", "2026", "WRITE_APPEND"))).reason,
    "invalid",
  );
  assert.deepEqual(await kit.rows(rows), [{ v: 2 }, { v: 3 }, { v: 11 }]);
});

test("maximumBytesBilled refuses what would bill more", async (t) => {
  const kit = await startKit(t);
  await withTable(kit);
  const failure = await failureOf(
    kit.client.query({ query: "SELECT * FROM d.t", maximumBytesBilled: "1000" }),
  );
  assert.deepEqual([failure.code, failure.reason], [400, "bytesBilledLimitExceeded"]);
  const [rows] = await kit.client.query({ query: "SELECT * FROM d.t", maximumBytesBilled: "20000000" });
  assert.equal(rows.length, 2);
});

test("CREATE_NEVER needs the table; a missing dataset is not found", async (t) => {
  const kit = await startKit(t);
  await withTable(kit);
  const into = (dataset: string): Promise<unknown> =>
    kit.client
      .createQueryJob({
        query: "SELECT 1 AS a",
        destination: kit.client.dataset(dataset).table("none"),
        createDisposition: "CREATE_NEVER",
      })
      .then(([job]) => job.promise());
  assert.equal((await failureOf(into("d"))).reason, "notFound");
  assert.equal((await failureOf(into("nowhere"))).reason, "notFound");
});

test("a dry run tells schema, bytes and tables, and does nothing", async (t) => {
  const kit = await startKit(t);
  await withTable(kit);
  const [job] = await kit.client.createQueryJob({
    query: "SELECT name, COUNT(*) FROM d.t GROUP BY name",
    dryRun: true,
  });
  const { query } = job.metadata.statistics;
  assert.deepEqual(
    query.schema.fields.map((f: { name: string; type: string }) => [f.name, f.type]),
    [
      ["name", "STRING"],
      ["f0_", "INTEGER"],
    ],
  );
  assert.ok(Number(query.totalBytesProcessed) > 0);
  assert.equal(query.referencedTables[0].tableId, "t");
  await kit.client.createQueryJob({ query: "INSERT INTO d.t VALUES (7, 'z')", dryRun: true });
  await kit.client.createQueryJob({ query: "DROP TABLE d.t", dryRun: true });
  assert.deepEqual(await kit.rows("SELECT COUNT(*) AS n FROM d.t"), [{ n: 2 }]);
  const failure = await failureOf(kit.client.createQueryJob({ query: "SELECT nope FROM d.t", dryRun: true }));
  assert.deepEqual([failure.code, failure.reason], [400, "invalidQuery"]);
});

test("results are paged", async (t) => {
  const kit = await startKit(t);
  const [job] = await kit.client.createQueryJob("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 5)) AS x ORDER BY x");
  const seen: number[][] = [];
  let pageToken: string | undefined;
  do {
    const [rows, , page] = await job.getQueryResults({ maxResults: 2, autoPaginate: false, pageToken });
    seen.push(rows.map((row) => row.x));
    pageToken = page?.pageToken ?? undefined;
  } while (pageToken !== undefined);
  assert.deepEqual(seen, [[1, 2], [3, 4], [5]]);
});

const ENDLESS =
  "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 300000)) a, UNNEST(GENERATE_ARRAY(1, 300000)) b WHERE MOD(a, 7) = MOD(b, 11)";

test("a running job can be cancelled, and its record says so", async (t) => {
  const kit = await startKit(t);
  const [job] = await kit.client.createQueryJob({ query: ENDLESS, jobId: "long" });
  assert.equal((await kit.client.job("long").getMetadata())[0].status.state, "RUNNING");
  await job.cancel();
  const failure = await failureOf(job.promise());
  assert.equal(failure.reason, "stopped");
  assert.deepEqual(await kit.rows("SELECT 1 AS a"), [{ a: 1 }]);
});

test("jobTimeoutMs ends a job", async (t) => {
  const kit = await startKit(t);
  const [job] = await kit.client.createQueryJob({ query: ENDLESS, jobTimeoutMs: 50 });
  const failure = await failureOf(job.promise());
  assert.equal(failure.reason, "stopped");
  assert.match(failure.message, /timed out after 50 ms/);
});

test("errors of a query carry BigQuery's status and reason", async (t) => {
  const kit = await startKit(t);
  await withTable(kit);
  await refuses(
    kit,
    "SELECT * FROM d.none",
    404,
    "notFound",
    /^Not found: Table gac-prod-471220:d\.none was not found in location US$/,
  );
  await refuses(
    kit,
    "SELECT * FROM none.t",
    404,
    "notFound",
    /^Not found: Dataset gac-prod-471220:none was not found/,
  );
  await refuses(kit, "SELECT x FROM d.t", 400, "invalidQuery", /^Unrecognized name: x at \[1:8\]$/);
  await refuses(
    kit,
    "SELEC 1",
    400,
    "invalidQuery",
    /^Syntax error: Unexpected identifier "SELEC" at \[1:1\]$/,
  );
  await refuses(
    kit,
    "SELECT\n  nope.id\nFROM d.t",
    400,
    "invalidQuery",
    /^Unrecognized name: nope\.id at \[2:3\]$/,
  );
  await refuses(
    kit,
    "CREATE TABLE d.t (a INT64)",
    409,
    "duplicate",
    /^Already Exists: Table gac-prod-471220:d\.t$/,
  );
  assert.equal((await failureOf(kit.client.job("unknown").getMetadata())).code, 404);
});
