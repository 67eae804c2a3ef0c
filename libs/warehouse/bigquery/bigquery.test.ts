import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { listen } from "@convergence/runtime/listen.ts";
import type { MergeJob, QueryJob, Warehouse } from "../port.ts";
import { bigQueryWarehouse } from "./warehouse.ts";

interface Seen {
  method: string;
  path: string;
  query: Record<string, string>;
  body: unknown;
}

type Answer = { status?: number; json?: object; text?: string } | "hang" | "reset";

/** A server that answers in turn (the last one again and again) and remembers what it was asked. */
async function recorder(
  t: TestContext,
  ...answers: Answer[]
): Promise<{ warehouse: Warehouse; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    seen.push(await describe(request));
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? {};
    reply(response, answer);
  });
  const port = await listen(server, "127.0.0.1", 0, "PORT");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    warehouse: bigQueryWarehouse({ project: "p-1", location: "EU", endpoint, requestTimeoutMs: 400 }),
    seen,
  };
}

async function describe(request: IncomingMessage): Promise<Seen> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const url = new URL(request.url ?? "", "http://x");
  const query = Object.fromEntries(url.searchParams);
  delete query.prettyPrint;
  return {
    method: request.method ?? "",
    path: url.pathname,
    query,
    body: text === "" ? null : JSON.parse(text),
  };
}

/** The query of a jobs.insert. */
function queryOf({ body }: Seen): { query: unknown; queryParameters: unknown[] } {
  const has = <K extends string>(value: unknown, key: K): value is Record<K, unknown> =>
    typeof value === "object" && value !== null && key in value;
  if (!has(body, "configuration") || !has(body.configuration, "query")) assert.fail("no query in the body");
  const { query } = body.configuration;
  if (!has(query, "query") || !has(query, "queryParameters") || !Array.isArray(query.queryParameters)) {
    assert.fail("no text or no parameters in the query");
  }
  return { query: query.query, queryParameters: query.queryParameters };
}

function reply(response: ServerResponse, answer: Answer): void {
  if (answer === "hang") return;
  if (answer === "reset") {
    response.socket?.resetAndDestroy();
    return;
  }
  const { status = 200, json, text } = answer;
  response.writeHead(status, { "content-type": text === undefined ? "application/json" : "text/html" });
  response.end(text ?? JSON.stringify(json ?? {}));
}

function refusal(status: number, reason: string, message = "No."): Answer {
  return { status, json: { error: { code: status, message, errors: [{ reason, message }] } } };
}

const QUERY: QueryJob = {
  jobId: "run-1_s1_0",
  sql: "SELECT @date AS d",
  params: [
    { name: "date", type: "STRING", value: "2025-11-15" },
    { name: "n", type: "INT64", value: 3 },
    { name: "none", type: "DATE", value: null },
  ],
  defaultDataset: "acme",
  destination: {
    dataset: "acme",
    table: "out$20251115",
    write: "WRITE_TRUNCATE",
    partitionBy: { field: "d", type: "DAY" },
    clusterBy: ["d"],
  },
  labels: { tenant: "acme" },
  timeoutMs: 60_000,
};

test("a query is one jobs.insert under its own id", async (t) => {
  const { warehouse, seen } = await recorder(t, { json: { status: { state: "RUNNING" } } });
  assert.equal(await warehouse.submitQuery(QUERY), "started");
  assert.deepEqual(seen, [
    {
      method: "POST",
      path: "/bigquery/v2/projects/p-1/jobs",
      query: {},
      body: {
        jobReference: { projectId: "p-1", jobId: "run-1_s1_0", location: "EU" },
        configuration: {
          labels: { tenant: "acme" },
          jobTimeoutMs: "60000",
          query: {
            query: "SELECT @date AS d",
            useLegacySql: false,
            defaultDataset: { projectId: "p-1", datasetId: "acme" },
            parameterMode: "NAMED",
            queryParameters: [
              { name: "date", parameterType: { type: "STRING" }, parameterValue: { value: "2025-11-15" } },
              { name: "n", parameterType: { type: "INT64" }, parameterValue: { value: "3" } },
              { name: "none", parameterType: { type: "DATE" }, parameterValue: { value: null } },
            ],
            destinationTable: { projectId: "p-1", datasetId: "acme", tableId: "out$20251115" },
            createDisposition: "CREATE_IF_NEEDED",
            writeDisposition: "WRITE_TRUNCATE",
            timePartitioning: { field: "d", type: "DAY" },
            clustering: { fields: ["d"] },
          },
        },
      },
    },
  ]);
});

test("a job that failed in the very answer to its submit has been started", async (t) => {
  const errorResult = { reason: "invalidQuery", message: "Syntax error" };
  const { warehouse } = await recorder(t, {
    json: { status: { state: "DONE", errorResult, errors: [errorResult] } },
  });
  assert.equal(await warehouse.submitQuery(QUERY), "started");
});

test("409 on an own job id means that it exists", async (t) => {
  const { warehouse } = await recorder(t, refusal(409, "duplicate"));
  assert.equal(await warehouse.submitQuery(QUERY), "exists");
  assert.equal(await warehouse.createDataset("acme", {}, ""), "exists");
  assert.equal(
    await warehouse.createTable({ dataset: "acme", table: "t" }, { schema: { fields: [] } }),
    "exists",
  );
});

const kinds: [string, Answer, { reason: string; transient: boolean; unknown: boolean }][] = [
  [
    "an invalid query",
    refusal(400, "invalidQuery"),
    { reason: "invalidQuery", transient: false, unknown: false },
  ],
  [
    "a denied one",
    refusal(403, "accessDenied"),
    { reason: "accessDenied", transient: false, unknown: false },
  ],
  [
    "a rate limit",
    refusal(403, "rateLimitExceeded"),
    { reason: "rateLimitExceeded", transient: true, unknown: false },
  ],
  [
    "a job rate limit",
    refusal(403, "jobRateLimitExceeded"),
    { reason: "jobRateLimitExceeded", transient: true, unknown: false },
  ],
  [
    "a used-up quota",
    refusal(403, "quotaExceeded"),
    { reason: "quotaExceeded", transient: false, unknown: false },
  ],
  [
    "429 without a reason",
    { status: 429, text: "slow down" },
    { reason: "rateLimitExceeded", transient: true, unknown: false },
  ],
  [
    "a backend error",
    refusal(503, "backendError"),
    { reason: "backendError", transient: true, unknown: true },
  ],
  [
    "a proxy's page",
    { status: 502, text: "<html>Bad gateway</html>" },
    { reason: "backendError", transient: true, unknown: true },
  ],
  ["a broken connection", "reset", { reason: "network", transient: true, unknown: true }],
  ["no answer in time", "hang", { reason: "network", transient: true, unknown: true }],
];
for (const [what, answer, expected] of kinds) {
  test(`a submit that meets ${what} rejects after one request`, async (t) => {
    const { warehouse, seen } = await recorder(t, answer);
    await assert.rejects(warehouse.submitQuery(QUERY), { name: "WarehouseError", ...expected });
    assert.equal(seen.length, 1);
    // A request that changes nothing leaves nothing unknown.
    await assert.rejects(warehouse.getDataset("acme"), { ...expected, unknown: false });
    assert.equal(seen.length, 2);
  });
}

test("a server that is not there is a transient failure, known to have had no effect", async () => {
  const warehouse = bigQueryWarehouse({ project: "p", location: "US", endpoint: "http://127.0.0.1:9" });
  await assert.rejects(warehouse.submitQuery(QUERY), { reason: "network", transient: true, unknown: false });
});

test("a local endpoint is never asked through a proxy", async (t) => {
  const saved = { ...process.env };
  process.env.HTTP_PROXY = "http://127.0.0.1:9";
  t.after(() => {
    process.env = saved;
  });
  const { warehouse } = await recorder(t, { json: { location: "EU" } });
  assert.deepEqual(await warehouse.getDataset("acme"), { location: "EU", labels: {} });
});

test("a service without credentials is a failure, not the process's end", async (t) => {
  const saved = process.env.GOOGLE_APPLICATION_CREDENTIALS;
  process.env.GOOGLE_APPLICATION_CREDENTIALS = "missing-key-file.json";
  t.after(() => {
    if (saved === undefined) delete process.env.GOOGLE_APPLICATION_CREDENTIALS;
    else process.env.GOOGLE_APPLICATION_CREDENTIALS = saved;
  });
  const warehouse = bigQueryWarehouse({ project: "p", location: "US" });
  await assert.rejects(warehouse.submitQuery(QUERY), {
    reason: "authError",
    transient: false,
    unknown: false,
  });
});

test("BIGQUERY_EMULATOR_HOST is refused: the client would build wrong addresses with it", (t) => {
  process.env.BIGQUERY_EMULATOR_HOST = "http://127.0.0.1:9050";
  t.after(() => delete process.env.BIGQUERY_EMULATOR_HOST);
  assert.throws(() => bigQueryWarehouse({ project: "p", location: "US" }), { name: "StartError" });
});

test("a job's rows are those of its plan's last stage, or of its DML", async (t) => {
  const stages = [{ recordsWritten: "100" }, { recordsWritten: "7" }];
  const destination = { query: { writeDisposition: "WRITE_APPEND" }, labels: { a: "b" } };
  const statistics = { totalBytesProcessed: "2048", query: { queryPlan: stages } };
  const { warehouse, seen } = await recorder(
    t,
    { json: { status: { state: "DONE" }, configuration: destination, statistics } },
    {
      json: {
        status: { state: "DONE" },
        statistics: { query: { numDmlAffectedRows: "3", queryPlan: stages } },
      },
    },
    { json: { status: { state: "DONE" }, configuration: { query: {} }, statistics } },
    {
      json: {
        status: { state: "DONE", errorResult: { reason: "stopped", message: "m" } },
        configuration: destination,
      },
    },
    refusal(404, "notFound"),
  );
  const done = { jobId: "j", state: "DONE", error: null, labels: {}, bytesProcessed: 0 };
  assert.deepEqual(await warehouse.getJob("j"), {
    ...done,
    labels: { a: "b" },
    rows: 7,
    bytesProcessed: 2048,
  });
  assert.deepEqual(await warehouse.getJob("j"), { ...done, rows: 3 });
  assert.deepEqual(await warehouse.getJob("j"), { ...done, rows: null, bytesProcessed: 2048 });
  const error = { reason: "stopped", message: "m" };
  assert.deepEqual(await warehouse.getJob("j"), { ...done, labels: { a: "b" }, rows: null, error });
  assert.equal(await warehouse.getJob("j"), null);
  assert.deepEqual(seen[0]?.query, { location: "EU" });
});

test("waiting polls BigQuery's long poll until the job is DONE", async (t) => {
  const running = { json: { status: { state: "RUNNING" } } };
  const { warehouse, seen } = await recorder(
    t,
    { json: { jobComplete: false } },
    running,
    { json: { jobComplete: true } },
    { json: { status: { state: "DONE" } } },
  );
  assert.equal((await warehouse.waitForJob("j", 10_000)).state, "DONE");
  assert.deepEqual(
    seen.map((request) => request.path.slice("/bigquery/v2/projects/p-1".length)),
    ["/queries/j", "/jobs/j", "/queries/j", "/jobs/j"],
  );
  assert.deepEqual(seen[0]?.query, { location: "EU", timeoutMs: "200", maxResults: "0" });
});

test("a job that was DONE in the answer to its submit is not asked for again", async (t) => {
  const statistics = { totalBytesProcessed: "10", query: { numDmlAffectedRows: "1" } };
  const configuration = { labels: MERGE.labels };
  const { warehouse, seen } = await recorder(t, {
    json: { status: { state: "DONE" }, configuration, statistics },
  });
  await warehouse.submitMerge(MERGE);
  const done = { jobId: "m1", state: "DONE", error: null, labels: MERGE.labels, rows: 1, bytesProcessed: 10 };
  assert.deepEqual(await warehouse.waitForJob("m1", 1000), done);
  assert.equal(seen.length, 1);
});

test("a merge that ends well costs its submit and one long poll", async (t) => {
  const configuration = { labels: MERGE.labels };
  const { warehouse, seen } = await recorder(
    t,
    { json: { status: { state: "PENDING" }, configuration } },
    { json: { jobComplete: true, numDmlAffectedRows: "2", totalBytesProcessed: "10" } },
  );
  await warehouse.submitMerge(MERGE);
  const done = { jobId: "m1", state: "DONE", error: null, labels: MERGE.labels, rows: 2, bytesProcessed: 10 };
  assert.deepEqual(await warehouse.waitForJob("m1", 1000), done);
  assert.equal(seen.length, 2);
});

test("a merge that another submitted is asked for its labels", async (t) => {
  const statistics = { query: { numDmlAffectedRows: "2" } };
  const { warehouse } = await recorder(
    t,
    refusal(409, "duplicate"),
    { json: { jobComplete: true, numDmlAffectedRows: "2" } },
    { json: { status: { state: "DONE" }, configuration: { labels: { last: "3" } }, statistics } },
  );
  assert.equal(await warehouse.submitMerge(MERGE), "exists");
  assert.deepEqual((await warehouse.waitForJob("m1", 1000)).labels, { last: "3" });
});

test("waiting ends with its time, and tells a failed job as it is", async (t) => {
  const running = await recorder(
    t,
    { json: { jobComplete: false } },
    { json: { status: { state: "RUNNING" } } },
  );
  assert.equal((await running.warehouse.waitForJob("j", 0)).state, "RUNNING");
  assert.equal(running.seen.length, 2);
  const errorResult = { reason: "invalidQuery", message: "Syntax error" };
  const failed = await recorder(t, refusal(400, "invalidQuery"), {
    json: { status: { state: "DONE", errorResult } },
  });
  assert.deepEqual((await failed.warehouse.waitForJob("j", 1000)).error, errorResult);
  const down = await recorder(t, refusal(503, "backendError"), { json: { status: { state: "RUNNING" } } });
  await assert.rejects(down.warehouse.waitForJob("j", 1000), { reason: "backendError", transient: true });
});

test("deleting what is not there, and cancelling what is not, do nothing", async (t) => {
  const { warehouse, seen } = await recorder(t, refusal(404, "notFound"));
  await warehouse.deleteTable({ dataset: "acme", table: "t" });
  await warehouse.cancelJob("j");
  assert.deepEqual(
    seen.map((request) => [request.method, request.query]),
    [
      ["DELETE", {}],
      ["POST", { location: "EU" }],
    ],
  );
});

test("a read gives every page's rows as plain values", async (t) => {
  const schema = {
    fields: [
      { name: "n", type: "INTEGER" },
      { name: "big", type: "INTEGER" },
      { name: "f", type: "FLOAT" },
      { name: "b", type: "BOOLEAN" },
      { name: "t", type: "TIMESTAMP" },
      { name: "j", type: "JSON" },
      { name: "tags", type: "STRING", mode: "REPEATED" },
      { name: "r", type: "RECORD", fields: [{ name: "x", type: "NUMERIC" }] },
    ],
  };
  const cells = [
    "1",
    "9223372036854775807",
    "0.5",
    "true",
    "1763164800123456",
    '{"k":[1]}',
    [{ v: "a" }, { v: "b" }],
    { f: [{ v: "1.10" }] },
  ];
  const values = { f: cells.map((v) => ({ v })) };
  const nulls = { f: schema.fields.map((field) => ({ v: field.mode === "REPEATED" ? [] : null })) };
  const jobReference = { jobId: "q1", location: "EU" };
  const { warehouse, seen } = await recorder(
    t,
    { json: { jobComplete: false, jobReference } },
    { json: { jobComplete: true, jobReference, schema, rows: [values], pageToken: "2" } },
    { json: { jobComplete: true, jobReference, schema, rows: [nulls] } },
  );
  const rows = await warehouse.read({ sql: "SELECT 1", params: [], defaultDataset: "acme" });
  assert.deepEqual(rows, [
    {
      n: 1,
      big: "9223372036854775807",
      f: 0.5,
      b: true,
      t: "2025-11-15T00:00:00.123456Z",
      j: { k: [1] },
      tags: ["a", "b"],
      r: { x: "1.10" },
    },
    { n: null, big: null, f: null, b: null, t: null, j: null, tags: [], r: null },
  ]);
  assert.deepEqual(
    seen.map((request) => [request.method, request.query.pageToken]),
    [
      ["POST", undefined],
      ["GET", undefined],
      ["GET", "2"],
    ],
  );
});

test("a dry run has no job id and tells the tables", async (t) => {
  const referencedTables = [{ projectId: "p-1", datasetId: "acme", tableId: "billing" }];
  const schema = { fields: [{ name: "n", type: "INTEGER", mode: "NULLABLE" }] };
  const query = { referencedTables, statementType: "SELECT", schema };
  const statistics = { totalBytesProcessed: "10", query };
  const { warehouse, seen } = await recorder(t, { json: { statistics } });
  const plan = await warehouse.dryRun({ sql: "SELECT 1", params: [], defaultDataset: "acme" });
  assert.deepEqual(plan, {
    referencedTables: [{ project: "p-1", dataset: "acme", table: "billing" }],
    bytesProcessed: 10,
    statementType: "SELECT",
    fields: schema.fields,
  });
  assert.partialDeepStrictEqual(seen[0]?.body, {
    jobReference: { projectId: "p-1", location: "EU" },
    configuration: { dryRun: true },
  });
});

const MERGE: MergeJob = {
  jobId: "m1",
  table: { dataset: "acme", table: "pipeline-runs" },
  columns: [
    { name: "id", type: "STRING" },
    { name: "at", type: "TIMESTAMP" },
    { name: "version", type: "INT64" },
    { name: "p", type: "JSON" },
    { name: "h", type: "BYTES" },
    { name: "s", type: "ARRAY<STRING>" },
  ],
  keys: ["id"],
  version: "version",
  partition: "at",
  required: ["at"],
  rows: [
    { id: "a", at: "2025-11-15T01:00:00Z", version: 1, p: "{}", h: "AA==", s: ["x"] },
    { id: "b", at: "2025-11-14T01:00:00+02:00", version: 2 },
  ],
  labels: { last: "7" },
};

test("a merge is one statement whose text is the same for any rows, with its rows bound", async (t) => {
  const { warehouse, seen } = await recorder(t, {});
  await warehouse.submitMerge(MERGE);
  await warehouse.submitMerge({
    ...MERGE,
    jobId: "m2",
    rows: [{ id: "c", at: "2026-01-01T00:00:00Z", version: 9 }],
  });
  const [query, other] = seen.map(queryOf);
  assert.equal(query?.query, other?.query);
  assert.equal(
    query?.query,
    "MERGE `p-1.acme.pipeline-runs` T\n" +
      "USING (SELECT r.`id` AS `id`, r.`at` AS `at`, r.`version` AS `version`, " +
      "PARSE_JSON(r.`p`, wide_number_mode => 'round') AS `p`, FROM_BASE64(r.`h`) AS `h`, " +
      "JSON_VALUE_ARRAY(r.`s`) AS `s` FROM UNNEST(@rows) r) S\n" +
      "ON T.`id` = S.`id` AND T.`at` BETWEEN @lo AND @hi\n" +
      "WHEN MATCHED AND (T.`version` IS NULL OR S.`version` > T.`version`) THEN\n" +
      "  UPDATE SET `version` = IFNULL(S.`version`, T.`version`), `p` = IFNULL(S.`p`, T.`p`), " +
      "`h` = IFNULL(S.`h`, T.`h`), `s` = IFNULL(S.`s`, T.`s`)\n" +
      "WHEN NOT MATCHED AND S.`id` IS NOT NULL AND S.`at` IS NOT NULL THEN\n" +
      "  INSERT (`id`, `at`, `version`, `p`, `h`, `s`) VALUES (S.`id`, S.`at`, S.`version`, S.`p`, S.`h`, S.`s`)",
  );
  assert.partialDeepStrictEqual(query?.queryParameters, [
    {
      name: "rows",
      parameterType: { type: "ARRAY", arrayType: { type: "STRUCT" } },
      parameterValue: {
        arrayValues: [
          { structValues: { id: { value: "a" }, s: { value: '["x"]' }, version: { value: "1" } } },
          { structValues: { id: { value: "b" }, p: { value: null }, s: { value: null } } },
        ],
      },
    },
    {
      name: "lo",
      parameterType: { type: "TIMESTAMP" },
      parameterValue: { value: "2025-11-13T23:00:00.000Z" },
    },
    {
      name: "hi",
      parameterType: { type: "TIMESTAMP" },
      parameterValue: { value: "2025-11-15T01:00:00.001Z" },
    },
  ]);
});

test("rows that lack their partition make the merge look everywhere", async (t) => {
  const { warehouse, seen } = await recorder(t, {});
  await warehouse.submitMerge({ ...MERGE, rows: [...MERGE.rows, { id: "c", version: 3 }] });
  const [query] = seen.map(queryOf);
  assert.partialDeepStrictEqual(query?.queryParameters.slice(1), [
    { name: "lo", parameterValue: { value: "0001-01-01T00:00:00.000Z" } },
    { name: "hi", parameterValue: { value: "9999-12-31T23:59:59.999Z" } },
  ]);
});
