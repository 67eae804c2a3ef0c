import assert from "node:assert/strict";
import { failureOf } from "../test-kit.ts";
import { at, fails, metadataOf, type Step, send, steps } from "./steps-test-kit.ts";

async function withTable({ rows }: Step): Promise<void> {
  await rows("CREATE TABLE t (id INT64, name STRING)");
  await rows("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
}

const COUNT = "SELECT COUNT(*) AS n FROM t";

/** A query that would run for hours. */
const ENDLESS =
  "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 300000)) a, UNNEST(GENERATE_ARRAY(1, 300000)) b WHERE MOD(a, 7) = MOD(b, 11)";

/** An id that no other step has. */
const own = ({ id }: Step, name: string): string => `${id}_${name}`;

steps("job ids", {
  "a job has the id that the client chose": async (step) => {
    const jobId = own(step, "mine");
    const [job] = await step.client.createQueryJob({ query: "SELECT 1", jobId });
    assert.equal(job.id, jobId);
    assert.equal(at(await metadataOf(job.getMetadata()), "id"), `gac-prod-471220:US.${jobId}`);
  },
  "the same id again is 409 duplicate and changes nothing": async (step) => {
    await withTable(step);
    const jobId = own(step, "mine");
    const query = `INSERT INTO ${step.id}.t VALUES (3, 'c')`;
    await step.ran({ query, jobId });
    const again = step.client.createQueryJob({ query, jobId });
    await fails(again, "duplicate", new RegExp(`^Already Exists: Job gac-prod-471220:US\\.${jobId}$`));
    assert.deepEqual(await step.rows(COUNT), [{ n: 3 }]);
  },
  "the same id is taken for another query too": async (step) => {
    const jobId = own(step, "mine");
    await step.ran({ query: "SELECT 1", jobId });
    await fails(step.client.createQueryJob({ query: "SELECT 2", jobId }), "duplicate", /Already Exists: Job/);
  },
  "after the 409 the first job is found by its id, with its result": async (step) => {
    const jobId = own(step, "mine");
    await step.ran({ query: "SELECT 7 AS a", jobId });
    assert.equal((await failureOf(step.client.createQueryJob({ query: "SELECT 8", jobId }))).code, 409);
    const [rows] = await step.client.job(jobId).getQueryResults();
    assert.deepEqual(rows, [{ a: 7 }]);
  },
  "a failed job keeps its error, and its id stays used": async (step) => {
    const jobId = own(step, "bad");
    const [job] = await step.client.createQueryJob({ query: "SELECT 1 / 0", jobId });
    await fails(job.promise(), "invalidQuery", /^division by zero: 1 \/ 0$/);
    const metadata = await metadataOf(step.client.job(jobId).getMetadata());
    assert.equal(at(metadata, "status.state"), "DONE");
    assert.deepEqual(at(metadata, "status.errorResult.reason"), "invalidQuery");
    assert.deepEqual(at(metadata, "status.errors.0.message"), "division by zero: 1 / 0");
    await fails(job.getQueryResults(), "invalidQuery", /division by zero/);
    await fails(step.client.createQueryJob({ query: "SELECT 1", jobId }), "duplicate", /Already Exists/);
  },
  "an id that is none is 400": ({ client }) =>
    fails(client.createQueryJob({ query: "SELECT 1", jobId: "a b" }), "invalid", /Invalid job ID "a b"/),
  "a job that is not there is 404": async ({ client }) => {
    await fails(client.job("unknown").getMetadata(), "notFound", /^Not found: Job gac-prod-471220:unknown$/);
    await fails(client.job("unknown").cancel(), "notFound", /Not found: Job/);
    assert.deepEqual(await client.job("unknown").exists(), [false]);
  },
  "a deleted job is gone": async (step) => {
    const jobId = own(step, "gone");
    await step.ran({ query: "SELECT 1", jobId });
    await step.client.job(jobId).delete();
    assert.deepEqual(await step.client.job(jobId).exists(), [false]);
  },
});

steps("request ids", {
  "a request sent twice with one requestId has one effect and one job": async (step) => {
    await withTable(step);
    const body = {
      query: `INSERT INTO ${step.id}.t VALUES (3, 'c')`,
      useLegacySql: false,
      requestId: step.id,
    };
    const first = await send(step, "POST", "queries", body);
    const second = await send(step, "POST", "queries", body);
    assert.deepEqual([first.status, second.status], [200, 200]);
    assert.deepEqual(second.body.jobReference, first.body.jobReference);
    assert.equal(second.body.numDmlAffectedRows, "1");
    assert.deepEqual(await step.rows(COUNT), [{ n: 3 }]);
  },
  "sent at once with one requestId, it has one effect": async (step) => {
    await withTable(step);
    const body = {
      query: `INSERT INTO ${step.id}.t VALUES (3, 'c')`,
      useLegacySql: false,
      requestId: step.id,
    };
    const sent = await Promise.all(Array.from({ length: 8 }, () => send(step, "POST", "queries", body)));
    assert.deepEqual([...new Set(sent.map(({ status }) => status))], [200]);
    assert.equal(new Set(sent.map((s) => JSON.stringify(s.body.jobReference))).size, 1);
    assert.deepEqual(await step.rows(COUNT), [{ n: 3 }]);
  },
  "another requestId is another job": async (step) => {
    await withTable(step);
    const body = { query: `INSERT INTO ${step.id}.t VALUES (3, 'c')`, useLegacySql: false };
    await send(step, "POST", "queries", { ...body, requestId: `${step.id}-1` });
    await send(step, "POST", "queries", { ...body, requestId: `${step.id}-2` });
    assert.deepEqual(await step.rows(COUNT), [{ n: 4 }]);
  },
  "the client's own query() sends one a call: the same statement twice has two effects": async (step) => {
    await withTable(step);
    for (let i = 0; i < 2; i++) await step.rows("INSERT INTO t VALUES (3, 'c')");
    assert.deepEqual(await step.rows(COUNT), [{ n: 4 }]);
  },
});

steps("job records", {
  "labels and configuration are kept": async (step) => {
    const labels = { tenant: "a", purpose: "report" };
    const metadata = await step.ran({ query: "SELECT 1", labels, useQueryCache: false });
    assert.deepEqual(at(metadata, "configuration.labels"), labels);
    assert.equal(at(metadata, "configuration.query.query"), "SELECT 1");
    assert.equal(at(metadata, "configuration.query.useQueryCache"), false);
    assert.equal(at(metadata, "configuration.jobType"), "QUERY");
  },
  "query() keeps labels too": async (step) => {
    await step.rows({ query: "SELECT 41 AS here", labels: { from: "query" } });
    const [jobs] = await step.client.getJobs({ projection: "full" });
    const found = jobs.find((job) => at(job.metadata, "configuration.query.query") === "SELECT 41 AS here");
    assert.deepEqual(at(found?.metadata, "configuration.labels"), { from: "query" });
  },
  "the location is the one asked for, else the dataset's": async (step) => {
    const asked = await step.ran({ query: "SELECT 1", location: "EU" });
    assert.equal(at(asked, "jobReference.location"), "EU");
    await step.client.createDataset("in_eu", { location: "EU" });
    const defaultDataset = { datasetId: "in_eu" };
    assert.equal(at(await step.ran({ query: "SELECT 1", defaultDataset }), "jobReference.location"), "EU");
  },
  "times are in order": async (step) => {
    const begun = Date.now();
    const metadata = await step.ran("SELECT 1");
    const [creation, start, end] = ["creationTime", "startTime", "endTime"].map((name) =>
      Number(at(metadata, `statistics.${name}`)),
    );
    assert.ok(creation !== undefined && start !== undefined && end !== undefined);
    assert.ok(begun - 1000 < creation && creation <= start && start <= end && end <= Date.now() + 1000);
  },
  "a SELECT tells of bytes, slots, cache, type and tables": async (step) => {
    await withTable(step);
    const metadata = await step.ran("SELECT name FROM t");
    const query = at(metadata, "statistics.query");
    assert.ok(Number(at(query, "totalBytesProcessed")) > 0);
    assert.equal(at(query, "totalBytesBilled"), String(10 * 1024 * 1024));
    assert.ok(Number(at(query, "totalSlotMs")) > 0);
    assert.equal(at(query, "cacheHit"), false);
    assert.equal(at(query, "statementType"), "SELECT");
    assert.deepEqual(at(query, "referencedTables"), [
      { projectId: "gac-prod-471220", datasetId: step.id, tableId: "t" },
    ]);
    assert.ok(Number(at(metadata, "statistics.totalBytesProcessed")) > 0);
  },
  "a SELECT of no table processes and bills nothing": async (step) => {
    const query = at(await step.ran("SELECT 1"), "statistics.query");
    assert.deepEqual([at(query, "totalBytesProcessed"), at(query, "totalBytesBilled")], ["0", "0"]);
    assert.equal(at(query, "referencedTables"), undefined);
  },
  "INSERT, UPDATE, DELETE and MERGE count their rows": async (step) => {
    await withTable(step);
    const counts = async (sql: string): Promise<unknown> => {
      const query = at(await step.ran(sql), "statistics.query");
      return [at(query, "statementType"), at(query, "numDmlAffectedRows"), at(query, "dmlStats")];
    };
    const stats = (inserted: number, updated: number, deleted: number): object => ({
      insertedRowCount: String(inserted),
      updatedRowCount: String(updated),
      deletedRowCount: String(deleted),
    });
    assert.deepEqual(await counts("INSERT INTO t VALUES (3, 'c')"), ["INSERT", "1", stats(1, 0, 0)]);
    assert.deepEqual(await counts("UPDATE t SET name = 'x' WHERE id > 1"), ["UPDATE", "2", stats(0, 2, 0)]);
    assert.deepEqual(await counts("DELETE FROM t WHERE id = 3"), ["DELETE", "1", stats(0, 0, 1)]);
    const merge = `MERGE t USING (SELECT * FROM UNNEST([1, 8, 9]) AS id) s ON t.id = s.id
      WHEN MATCHED THEN UPDATE SET name = 'm'
      WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'new')
      WHEN NOT MATCHED BY SOURCE THEN DELETE`;
    assert.deepEqual(await counts(merge), ["MERGE", "4", stats(2, 1, 1)]);
  },
  "DDL tells its operation and target": async (step) => {
    const query = at(await step.ran("CREATE TABLE made (a INT64)"), "statistics.query");
    assert.equal(at(query, "statementType"), "CREATE_TABLE");
    assert.equal(at(query, "ddlOperationPerformed"), "CREATE");
    assert.equal(at(query, "ddlTargetTable.tableId"), "made");
    const skipped = await step.ran("CREATE TABLE IF NOT EXISTS made (a INT64)");
    assert.equal(at(skipped, "statistics.query.ddlOperationPerformed"), "SKIP");
  },
  "the list shows jobs by state, newest first": async (step) => {
    const ids = ["one", "two"].map((name) => own(step, name));
    for (const jobId of ids) await step.ran({ query: "SELECT 1", jobId });
    const [jobs] = await step.client.getJobs({ stateFilter: ["done"] });
    assert.deepEqual(
      jobs.map((job) => String(job.id)).filter((id) => ids.includes(id)),
      ids.toReversed(),
    );
    assert.deepEqual((await step.client.getJobs({ stateFilter: ["running"] }))[0], []);
  },
  "the list is paged": async (step) => {
    for (let i = 0; i < 3; i++) await step.ran({ query: "SELECT 1", jobId: own(step, `p${i}`) });
    const [first, , next] = await step.client.getJobs({ maxResults: 2, autoPaginate: false });
    assert.equal(first.length, 2);
    const pageToken = String(at(next, "nextPageToken"));
    const [second] = await step.client.getJobs({ maxResults: 1, autoPaginate: false, pageToken });
    assert.equal(second[0]?.id, own(step, "p0"));
  },
  "the list keeps to a span of creation times": async (step) => {
    const metadata = await step.ran({ query: "SELECT 1", jobId: own(step, "spanned") });
    const created = String(at(metadata, "statistics.creationTime"));
    const ids = async (span: object): Promise<unknown[]> =>
      (await step.client.getJobs({ ...span }))[0].map((job) => job.id);
    assert.ok((await ids({ minCreationTime: created })).includes(own(step, "spanned")));
    assert.ok((await ids({ maxCreationTime: created })).includes(own(step, "spanned")));
    assert.deepEqual(await ids({ minCreationTime: String(Number(created) + 3_600_000) }), []);
    assert.ok(!(await ids({ maxCreationTime: String(Number(created) - 1) })).includes(own(step, "spanned")));
  },
});

steps("timeouts and cancelling", {
  "a cancelled query is DONE with reason stopped": async (step) => {
    const [job] = await step.client.createQueryJob({ query: ENDLESS, jobId: own(step, "long") });
    assert.equal(at(await metadataOf(job.getMetadata()), "status.state"), "RUNNING");
    const [running] = await step.client.getJobs({ stateFilter: ["running"] });
    assert.deepEqual(
      running.map((r) => r.id),
      [job.id],
    );
    await job.cancel();
    await fails(job.promise(), "stopped", /User requested cancellation/);
    const metadata = await metadataOf(step.client.job(own(step, "long")).getMetadata());
    assert.deepEqual(
      [at(metadata, "status.state"), at(metadata, "status.errorResult.reason")],
      ["DONE", "stopped"],
    );
  },
  "a cancelled statement has no effect, and the next one need not wait for it": async (step) => {
    await withTable(step);
    const [job] = await step.client.createQueryJob(`INSERT INTO ${step.id}.t (id) ${ENDLESS}`);
    await job.cancel();
    await fails(job.promise(), "stopped", /cancel/);
    await step.rows("INSERT INTO t VALUES (3, 'c')");
    assert.deepEqual(await step.rows(COUNT), [{ n: 3 }]);
  },
  "cancelled queries leave all readers free": async (step) => {
    const jobs = await Promise.all(Array.from({ length: 8 }, () => step.client.createQueryJob(ENDLESS)));
    await Promise.all(jobs.map(([job]) => job.cancel()));
    for (const [job] of jobs) await fails(job.promise(), "stopped", /cancel/);
    assert.deepEqual(await step.rows("SELECT 1 AS a"), [{ a: 1 }]);
  },
  "a statement that is cancelled before its turn strikes none of those behind it": async (step) => {
    await withTable(step);
    const insert = (name: string, query: string) =>
      step.client.createQueryJob({ query, jobId: own(step, name) });
    const into = `INSERT INTO ${step.id}.t SELECT`;
    const busy = `${into} ANY_VALUE(a), 'busy' FROM UNNEST(GENERATE_ARRAY(1, 20000)) a, UNNEST(GENERATE_ARRAY(1, 4000)) b WHERE MOD(a * b, 7) = 3`;
    const first = insert("busy", busy);
    const waits = insert("waits", `${into} 3, 'waits'`);
    const behind = Array.from({ length: 12 }, (_, n) => insert(`behind${n}`, `${into} ${n}, 'behind'`));
    // It is answered late, as it waits: the cancel comes once it is there.
    const isThere = () =>
      step.client
        .job(own(step, "waits"))
        .getMetadata()
        .catch(() => null);
    while ((await isThere()) === null);
    await step.client.job(own(step, "waits")).cancel();
    const [job] = await waits;
    await fails(job.promise(), "stopped", /User requested cancellation/);
    for (const asked of [first, ...behind]) await (await asked)[0].promise();
    assert.deepEqual(
      await step.rows("SELECT name, COUNT(*) AS n FROM t WHERE id < 99 GROUP BY name HAVING name = 'behind'"),
      [{ name: "behind", n: 12 }],
    );
  },
  "cancelling a job that is done changes nothing": async (step) => {
    const jobId = own(step, "done");
    await step.ran({ query: "SELECT 1 AS a", jobId });
    await step.client.job(jobId).cancel();
    const metadata = await metadataOf(step.client.job(jobId).getMetadata());
    assert.equal(at(metadata, "status.state"), "DONE");
    assert.equal(at(metadata, "status.errorResult"), undefined);
  },
  "jobTimeoutMs stops the work": async (step) => {
    const [job] = await step.client.createQueryJob({ query: ENDLESS, jobTimeoutMs: 50 });
    await fails(job.promise(), "stopped", /timed out after 50 ms/);
    assert.deepEqual((await step.client.getJobs({ stateFilter: ["running"] }))[0], []);
  },
  "jobTimeoutMs lets a quick job be": async (step) => {
    const [rows] = await step.client.query({ query: "SELECT 1 AS a", jobTimeoutMs: 60_000 });
    assert.deepEqual(rows, [{ a: 1 }]);
  },
  "timeoutMs of a query only ends the wait: the job runs on": async (step) => {
    const body = { query: ENDLESS, useLegacySql: false, timeoutMs: 20 };
    const answer = await send(step, "POST", "queries", body);
    assert.deepEqual([answer.status, answer.body.jobComplete], [200, false]);
    const job = step.client.job(String(at(answer.body, "jobReference.jobId")));
    assert.equal(at(await metadataOf(job.getMetadata()), "status.state"), "RUNNING");
    await job.cancel();
    await fails(job.promise(), "stopped", /cancel/);
  },
  "a script is cancelled in its loop": async (step) => {
    const [job] = await step.client.createQueryJob(
      "DECLARE x INT64 DEFAULT 0; WHILE TRUE DO SET x = x + 1; END WHILE;",
    );
    await job.cancel();
    await fails(job.promise(), "stopped", /cancel/);
  },
  "maximumBytesBilled refuses what would bill more, and only that": async (step) => {
    await withTable(step);
    const query = "SELECT * FROM t";
    await fails(
      step.rows({ query, maximumBytesBilled: "1000" }),
      "bytesBilledLimitExceeded",
      /^Query exceeded limit for bytes billed: 1000\. 10485760 or higher required\.$/,
    );
    assert.equal((await step.rows({ query, maximumBytesBilled: "10485760" })).length, 2);
  },
});

steps("errors of queries", {
  "a table that is not there is 404": ({ rows, id }) =>
    fails(
      rows("SELECT * FROM none"),
      "notFound",
      new RegExp(`^Not found: Table gac-prod-471220:${id}\\.none was not found in location US$`),
    ),
  "a dataset that is not there is 404": ({ rows }) =>
    fails(rows("SELECT * FROM none.t"), "notFound", /^Not found: Dataset gac-prod-471220:none was not found/),
  "a name that is not there is 400 with its place": async (step) => {
    await withTable(step);
    await fails(step.rows("SELECT x FROM t"), "invalidQuery", /^Unrecognized name: x at \[1:8\]$/);
    const message = /^Unrecognized name: nope\.id at \[2:3\]$/;
    await fails(step.rows("SELECT\n  nope.id\nFROM t"), "invalidQuery", message);
  },
  "a misspelt statement is 400 with its place": ({ rows }) =>
    fails(rows("SELEC 1"), "invalidQuery", /^Syntax error: Unexpected identifier "SELEC" at \[1:1\]$/),
  "types that do not fit are 400": ({ rows }) =>
    fails(
      rows("SELECT 1 + 'a'"),
      "invalidQuery",
      /^No matching signature for operator \+ for argument types: INT64, STRING/,
    ),
  "a value that cannot be computed is 400": ({ rows }) =>
    fails(rows("SELECT CAST('x' AS INT64)"), "invalidQuery", /^Bad int64 value: x$/),
  "a table that is there already is 409": async (step) => {
    await withTable(step);
    const message = new RegExp(`^Already Exists: Table gac-prod-471220:${step.id}\\.t$`);
    await fails(step.rows("CREATE TABLE t (a INT64)"), "duplicate", message);
  },
  "an empty query is 400": (step) =>
    send(step, "POST", "queries", { query: " ", useLegacySql: false }).then(({ status, body }) => {
      assert.deepEqual([status, at(body, "error.errors.0.reason")], [400, "required"]);
    }),
});
