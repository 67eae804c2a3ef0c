import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import {
  type DropJob,
  type JobInfo,
  type LoadJob,
  type MergeJob,
  type QueryJob,
  type TableRef,
  type TableShape,
  type Warehouse,
  WarehouseError,
} from "./port.ts";

/** A warehouse under test, and what is needed to look into it from outside. */
export interface Subject {
  warehouse: Warehouse;
  /** A table's rows in any order, as `read` would give them. */
  rows(table: TableRef): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** An adapter that executes no SQL takes this text for one row, {job_id}: the job's id. */
const ONE_ROW = "SELECT @job_id AS job_id";
const PATIENCE_MS = 60_000;

/** What every adapter of the Warehouse port must do: the port's promises, nothing of BigQuery beyond them. */
export function describeWarehouse(name: string, make: () => Promise<Subject>): void {
  describe(name, () => {
    let subject: Subject;
    let dataset = "";
    before(async () => {
      subject = await make();
      dataset = uniqueName("contract");
      await subject.warehouse.createDataset(dataset, { tenant: "acme" }, "Contract suite");
    });
    after(async () => {
      await drop(subject.warehouse, uniqueName("drop"), { dataset });
      await subject.close();
    });
    const context: Context = {
      get warehouse() {
        return subject.warehouse;
      },
      get dataset() {
        return dataset;
      },
      rows: (table) => subject.rows(table),
    };
    datasets(context);
    drops(context);
    tables(context);
    queries(context);
    failingJobs(context);
    merges(context);
    mergeRefusals(context);
    dryRuns(context);
    loads(context);
  });
}

interface Context {
  readonly warehouse: Warehouse;
  readonly dataset: string;
  rows(table: TableRef): Promise<Record<string, unknown>[]>;
}

function uniqueName(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll("-", "_")}`;
}

/** Drops and waits until that is done. */
async function drop(
  warehouse: Warehouse,
  jobId: string,
  what: DropJob["what"],
): Promise<"started" | "exists"> {
  const submitted = await warehouse.submitDrop({ jobId, what, labels: { tenant: "acme" } });
  const { state, error } = await warehouse.waitForJob(jobId, PATIENCE_MS);
  assert.deepEqual({ state, error }, { state: "DONE", error: null });
  return submitted;
}

function datasets(c: Context): void {
  test("a dataset is made once, told with its labels and location, and dropped with its tables", async () => {
    const name = uniqueName("ds");
    assert.equal(await c.warehouse.getDataset(name), null);
    assert.equal(await c.warehouse.createDataset(name, { tenant: "acme" }, "Acme"), "created");
    assert.equal(await c.warehouse.createDataset(name, { tenant: "other" }, "Other"), "exists");
    assert.deepEqual(await c.warehouse.getDataset(name), {
      location: c.warehouse.location,
      labels: { tenant: "acme" },
    });
    const table = { dataset: name, table: "runs" };
    await c.warehouse.createTable(table, RUNS);
    await drop(c.warehouse, uniqueName("drop"), { dataset: name });
    assert.equal(await c.warehouse.getDataset(name), null);
    assert.equal(await c.warehouse.getTable(table), null);
    await drop(c.warehouse, uniqueName("drop"), { dataset: name });
  });
}

function drops(c: Context): void {
  const done = (jobId: string, what: DropJob["what"]) => drop(c.warehouse, jobId, what);

  test("a dataset is dropped with its tables once: asked again, what was made anew stays", async () => {
    const name = uniqueName("ds");
    const jobId = uniqueName("drop");
    await c.warehouse.createDataset(name, {}, "");
    await c.warehouse.createTable({ dataset: name, table: "runs" }, RUNS);
    assert.equal(await done(jobId, { dataset: name }), "started");
    assert.equal(await c.warehouse.getDataset(name), null);
    await c.warehouse.createDataset(name, {}, "");
    assert.equal(await done(jobId, { dataset: name }), "exists");
    assert.notEqual(await c.warehouse.getDataset(name), null);
    await done(uniqueName("drop"), { dataset: name });
    await done(uniqueName("drop"), { dataset: name });
    assert.equal(await c.warehouse.getDataset(name), null);
  });

  test("a table is dropped once: asked again, what was made anew stays", async () => {
    const table = { dataset: c.dataset, table: uniqueName("t") };
    const jobId = uniqueName("drop");
    await c.warehouse.createTable(table, RUNS);
    assert.equal(await done(jobId, table), "started");
    assert.equal(await c.warehouse.getTable(table), null);
    await c.warehouse.createTable(table, RUNS);
    assert.equal(await done(jobId, table), "exists");
    assert.notEqual(await c.warehouse.getTable(table), null);
    await done(uniqueName("drop"), table);
    await done(uniqueName("drop"), table);
    assert.equal(await c.warehouse.getTable(table), null);
  });
}

const RUNS: TableShape = {
  description: "Runs",
  schema: {
    fields: [
      { name: "id", type: "STRING", mode: "REQUIRED" },
      { name: "start_time", type: "TIMESTAMP", mode: "REQUIRED" },
      { name: "version", type: "INTEGER", mode: "NULLABLE" },
      { name: "status", type: "STRING", mode: "REQUIRED", description: "PENDING and so on" },
      { name: "end_time", type: "TIMESTAMP" },
      { name: "duration_ms", type: "INTEGER" },
      { name: "cost", type: "FLOAT" },
      { name: "ok", type: "BOOLEAN" },
      { name: "run_date", type: "DATE" },
      { name: "hash", type: "BYTES" },
      { name: "parameters", type: "JSON" },
      { name: "scopes", type: "STRING", mode: "REPEATED" },
    ],
  },
  timePartitioning: { type: "DAY", field: "start_time" },
  clustering: { fields: ["status"] },
};

function tables(c: Context): void {
  test("a table is made once, told with its columns, and deleted", async () => {
    const table = { dataset: c.dataset, table: uniqueName("t") };
    assert.equal(await c.warehouse.getTable(table), null);
    assert.equal(await c.warehouse.createTable(table, RUNS), "created");
    assert.equal(await c.warehouse.createTable(table, RUNS), "exists");
    const found = await c.warehouse.getTable(table);
    assert.deepEqual(
      found?.schema.fields.map((field) => [field.name, field.type, field.mode ?? "NULLABLE"]),
      RUNS.schema.fields.map((field) => [field.name, field.type, field.mode ?? "NULLABLE"]),
    );
    await c.warehouse.deleteTable(table);
    assert.equal(await c.warehouse.getTable(table), null);
    await c.warehouse.deleteTable(table);
  });

  test("a table made anew under its name is told apart by its creation time", async () => {
    const table = { dataset: c.dataset, table: uniqueName("t") };
    await c.warehouse.createTable(table, RUNS);
    const first = await c.warehouse.getTable(table);
    assert.equal((await c.warehouse.getTable(table))?.createdAt, first?.createdAt);
    await c.warehouse.deleteTable(table);
    await c.warehouse.createTable(table, RUNS);
    const second = await c.warehouse.getTable(table);
    assert.ok(
      first && second && second.createdAt > first.createdAt,
      `${first?.createdAt} ${second?.createdAt}`,
    );
  });

  test("a table in a missing dataset is refused as notFound", async () => {
    const table = { dataset: uniqueName("missing"), table: "t" };
    await assert.rejects(c.warehouse.createTable(table, RUNS), (error) => {
      assert.ok(error instanceof WarehouseError);
      assert.deepEqual([error.reason, error.transient, error.unknown], ["notFound", false, false]);
      return true;
    });
    assert.equal(await c.warehouse.getTable(table), null);
  });

  test("a name that could leave its place, or a label in upper case, is refused before anything is asked", async () => {
    const name = uniqueName("ds");
    await assert.rejects(c.warehouse.createDataset(name, { tenant: "Acme" }, ""), TypeError);
    await assert.rejects(c.warehouse.createDataset(name, { Tenant: "acme" }, ""), TypeError);
    assert.equal(await c.warehouse.getDataset(name), null);
    for (const bad of ["", "a.b", "a`b", "a/b", "a b", "a\n", "../x", "a$20251115"]) {
      await assert.rejects(c.warehouse.getTable({ dataset: c.dataset, table: bad }), TypeError, bad);
      await assert.rejects(c.warehouse.getDataset(bad), TypeError, bad);
      await assert.rejects(c.warehouse.getJob(bad), TypeError, bad);
    }
  });
}

function oneRowQuery(
  c: Context,
  write: "WRITE_TRUNCATE" | "WRITE_APPEND" | "WRITE_EMPTY",
  table: string,
): QueryJob {
  const jobId = uniqueName("job");
  return {
    jobId,
    sql: ONE_ROW,
    params: [{ name: "job_id", type: "STRING", value: jobId }],
    defaultDataset: c.dataset,
    destination: { dataset: c.dataset, table, write },
    labels: { tenant: "acme", step: "s1" },
  };
}

/** Submits and waits for the end. */
async function run(c: Context, job: QueryJob): Promise<JobInfo> {
  await c.warehouse.submitQuery(job);
  return c.warehouse.waitForJob(job.jobId, PATIENCE_MS);
}

function queries(c: Context): void {
  test("a query's job ends with its labels and the rows that it wrote", async () => {
    const table = { dataset: c.dataset, table: uniqueName("out") };
    const job = oneRowQuery(c, "WRITE_TRUNCATE", table.table);
    assert.equal(await c.warehouse.submitQuery(job), "started");
    const done = await c.warehouse.waitForJob(job.jobId, PATIENCE_MS);
    assert.deepEqual(
      { ...done, bytesProcessed: 0 },
      { jobId: job.jobId, state: "DONE", error: null, labels: job.labels, rows: 1, bytesProcessed: 0 },
    );
    assert.deepEqual(await c.warehouse.getJob(job.jobId), done);
    assert.deepEqual(await c.rows(table), [{ job_id: job.jobId }]);
  });

  test("a job id asked for again has no second effect, whatever it asks for", async () => {
    const table = { dataset: c.dataset, table: uniqueName("out") };
    const job = oneRowQuery(c, "WRITE_APPEND", table.table);
    await run(c, job);
    assert.equal(await c.warehouse.submitQuery(job), "exists");
    assert.equal(await c.warehouse.submitQuery({ ...job, labels: {} }), "exists");
    const done = await c.warehouse.waitForJob(job.jobId, PATIENCE_MS);
    assert.deepEqual([done.rows, done.labels], [1, job.labels]);
    assert.deepEqual(await c.rows(table), [{ job_id: job.jobId }]);
  });

  test("of submits of one id at once, one starts the job", async () => {
    const table = { dataset: c.dataset, table: uniqueName("out") };
    const job = oneRowQuery(c, "WRITE_APPEND", table.table);
    const answers = await Promise.all([1, 2, 3].map(() => c.warehouse.submitQuery(job)));
    assert.deepEqual(answers.toSorted(), ["exists", "exists", "started"]);
    await c.warehouse.waitForJob(job.jobId, PATIENCE_MS);
    assert.equal((await c.rows(table)).length, 1);
  });

  test("append adds, overwrite replaces; rows tells what the job wrote, not what the table holds", async () => {
    const table = { dataset: c.dataset, table: uniqueName("out") };
    const jobs = ["WRITE_APPEND", "WRITE_APPEND"] as const;
    for (const write of jobs) assert.equal((await run(c, oneRowQuery(c, write, table.table))).rows, 1);
    assert.equal((await c.rows(table)).length, 2);
    const last = oneRowQuery(c, "WRITE_TRUNCATE", table.table);
    assert.equal((await run(c, last)).rows, 1);
    assert.deepEqual(await c.rows(table), [{ job_id: last.jobId }]);
  });

  test("WRITE_EMPTY fails on a table with rows and leaves it", async () => {
    const table = { dataset: c.dataset, table: uniqueName("out") };
    const first = oneRowQuery(c, "WRITE_EMPTY", table.table);
    assert.equal((await run(c, first)).error, null);
    assert.equal(await failure(c, oneRowQuery(c, "WRITE_EMPTY", table.table)), "duplicate");
    assert.deepEqual(await c.rows(table), [{ job_id: first.jobId }]);
  });

  test("a job without destination ends too", async () => {
    const done = await run(c, { ...oneRowQuery(c, "WRITE_EMPTY", "unused"), destination: null });
    assert.deepEqual([done.state, done.error], ["DONE", null]);
  });

  test("the rows of a job without destination are told, as often as they are asked for", async () => {
    const job = { ...oneRowQuery(c, "WRITE_EMPTY", "unused"), destination: null };
    await run(c, job);
    for (const _ of [1, 2]) assert.deepEqual(await c.warehouse.jobRows(job.jobId), [{ job_id: job.jobId }]);
    const unknown = c.warehouse.jobRows(uniqueName("job"));
    await assert.rejects(unknown, { name: "WarehouseError", reason: "notFound" });
  });

  test("an unknown job is null, cannot be waited for, and cancelling it does nothing", async () => {
    const jobId = uniqueName("job");
    assert.equal(await c.warehouse.getJob(jobId), null);
    await assert.rejects(c.warehouse.waitForJob(jobId, 0), { name: "WarehouseError", reason: "notFound" });
    await c.warehouse.cancelJob(jobId);
  });

  test("cancelling a job that is DONE changes nothing", async () => {
    const job = oneRowQuery(c, "WRITE_TRUNCATE", uniqueName("out"));
    const done = await run(c, job);
    await c.warehouse.cancelJob(job.jobId);
    assert.deepEqual(await c.warehouse.getJob(job.jobId), done);
  });
}

/** Why a query fails, as its job says or, where the submit itself is refused, as that says: the port allows both. */
async function failure(c: Context, job: QueryJob): Promise<string | null> {
  try {
    return (await run(c, job)).error?.reason ?? null;
  } catch (error) {
    if (error instanceof WarehouseError && !error.transient) return error.reason;
    throw error;
  }
}

function failingJobs(c: Context): void {
  test("a query into a missing dataset fails as notFound, and so it stays under its id", async () => {
    const job = oneRowQuery(c, "WRITE_APPEND", "t");
    job.destination = { dataset: uniqueName("missing"), table: "t", write: "WRITE_APPEND" };
    assert.equal(await failure(c, job), "notFound");
    assert.equal(await failure(c, job), "notFound");
  });

  test("a merge into a missing table fails as notFound", async () => {
    const job = merge(c, { dataset: c.dataset, table: uniqueName("missing") }, [row("a", 1)]);
    const reason = await c.warehouse
      .submitMerge(job)
      .then(() => c.warehouse.waitForJob(job.jobId, PATIENCE_MS))
      .then((done) => done.error?.reason)
      .catch((error: unknown) => (error instanceof WarehouseError ? error.reason : String(error)));
    assert.equal(reason, "notFound");
  });
}

const COLUMNS: MergeJob["columns"] = [
  { name: "id", type: "STRING" },
  { name: "start_time", type: "TIMESTAMP" },
  { name: "version", type: "INT64" },
  { name: "status", type: "STRING" },
  { name: "end_time", type: "TIMESTAMP" },
  { name: "duration_ms", type: "INT64" },
  { name: "cost", type: "FLOAT64" },
  { name: "ok", type: "BOOL" },
  { name: "run_date", type: "DATE" },
  { name: "hash", type: "BYTES" },
  { name: "parameters", type: "JSON" },
  { name: "scopes", type: "ARRAY<STRING>" },
];
const START = "2025-11-15T23:59:59.999Z";

function merge(c: Context, table: TableRef, rows: MergeJob["rows"]): MergeJob {
  assert.equal(table.dataset, c.dataset);
  return {
    jobId: uniqueName("merge"),
    table,
    columns: COLUMNS,
    keys: ["id"],
    version: "version",
    partition: "start_time",
    required: ["start_time", "status"],
    rows,
    labels: { batch: "1" },
  };
}

function row(id: string, version: number, more: MergeJob["rows"][number] = {}): MergeJob["rows"][number] {
  return { id, version, start_time: START, status: "PENDING", ...more };
}

interface Merged {
  submitted: "started" | "exists";
  done: JobInfo;
  count: number;
  /** The table's rows by id. */
  now: Map<unknown, Record<string, unknown>>;
}

/** A fresh table, and a function that merges rows into it. */
async function mergeTable(c: Context): Promise<(rows: MergeJob["rows"], jobId?: string) => Promise<Merged>> {
  const table = { dataset: c.dataset, table: uniqueName("runs") };
  await c.warehouse.createTable(table, RUNS);
  return async (rows, jobId) => {
    const job = merge(c, table, rows);
    if (jobId !== undefined) job.jobId = jobId;
    const submitted = await c.warehouse.submitMerge(job);
    const done = await c.warehouse.waitForJob(job.jobId, PATIENCE_MS);
    assert.deepEqual(done.error, null);
    const stored = await c.rows(table);
    const now = new Map<unknown, Record<string, unknown>>();
    for (const r of stored) now.set(r.id, r);
    return { submitted, done, now, count: stored.length };
  };
}

const ALL = {
  end_time: "2025-11-16T00:00:01.123456Z",
  duration_ms: 1123,
  cost: 0.5,
  ok: true,
  run_date: "2025-11-15",
  hash: Buffer.from([0, 255, 16]).toString("base64"),
  parameters: JSON.stringify({ date: "2025-11-15", quote: "'\"`", n: [1, null] }),
  scopes: ["read", "write"],
};

function merges(c: Context): void {
  test("rows of every type are inserted as given, absent columns as null", async () => {
    const mergeRows = await mergeTable(c);
    const { submitted, done, now } = await mergeRows([row("a", 1, ALL), row("b", 1)]);
    assert.equal(submitted, "started");
    assert.deepEqual([done.rows, done.labels], [2, { batch: "1" }]);
    assert.deepEqual(now.get("a"), {
      ...row("a", 1, ALL),
      parameters: { date: "2025-11-15", quote: "'\"`", n: [1, null] },
    });
    assert.deepEqual(now.get("b"), {
      ...row("b", 1),
      end_time: null,
      duration_ms: null,
      cost: null,
      ok: null,
      run_date: null,
      hash: null,
      parameters: null,
      scopes: [],
    });
  });

  test("a higher version updates what it gives and leaves the rest; null and undefined leave too", async () => {
    const mergeRows = await mergeTable(c);
    await mergeRows([row("a", 1, ALL)]);
    const { now, count, done } = await mergeRows([
      {
        id: "a",
        version: 2,
        start_time: START,
        status: "COMPLETE",
        cost: null,
        parameters: undefined,
        ok: false,
      },
    ]);
    assert.equal(count, 1);
    assert.equal(done.rows, 1);
    assert.deepEqual(now.get("a"), {
      ...row("a", 2, ALL),
      status: "COMPLETE",
      ok: false,
      parameters: { date: "2025-11-15", quote: "'\"`", n: [1, null] },
    });
  });

  test("a version that is not higher changes nothing, beside rows that do", async () => {
    const mergeRows = await mergeTable(c);
    await mergeRows([row("a", 5, { status: "COMPLETE" }), row("b", 5, { status: "COMPLETE" })]);
    const { now, done } = await mergeRows([
      row("a", 5, { status: "FAILED" }),
      row("b", 4, { status: "FAILED" }),
      row("c", 1),
    ]);
    assert.deepEqual(
      ["a", "b", "c"].map((id) => now.get(id)?.status),
      ["COMPLETE", "COMPLETE", "PENDING"],
    );
    assert.equal(done.rows, 1);
  });

  test("a row without what is required updates what is there and is never inserted", async () => {
    const mergeRows = await mergeTable(c);
    await mergeRows([row("a", 1)]);
    const { now } = await mergeRows([
      { id: "a", version: 2, duration_ms: 7 },
      { id: "b", version: 2, duration_ms: 7 },
      { id: "d", version: 2, start_time: START, duration_ms: 7 },
    ]);
    assert.deepEqual([...now.keys()], ["a"]);
    assert.deepEqual([now.get("a")?.duration_ms, now.get("a")?.status], [7, "PENDING"]);
  });

  test("rows of several partitions are merged at once", async () => {
    const mergeRows = await mergeTable(c);
    const days = ["2025-11-13T12:00:00.000Z", "2025-11-14T00:00:00.000Z", "2025-11-15T00:00:00.000Z"];
    const rows = days.map((start_time, i) => ({ ...row(`r${i}`, 1), start_time }));
    await mergeRows(rows);
    const { now, count } = await mergeRows(rows.map((r) => ({ ...r, version: 2, status: "COMPLETE" })));
    assert.equal(count, 3);
    for (const r of now.values()) assert.equal(r.status, "COMPLETE");
  });

  test("one row's partition with microseconds is found again", async () => {
    const mergeRows = await mergeTable(c);
    const start_time = "2025-11-15T10:00:00.123456Z";
    await mergeRows([{ ...row("a", 1), start_time }]);
    const { count, now } = await mergeRows([{ ...row("a", 2, { status: "COMPLETE" }), start_time }]);
    assert.deepEqual([count, now.get("a")?.status, now.get("a")?.start_time], [1, "COMPLETE", start_time]);
  });

  test("a merge asked for again under its id has no second effect", async () => {
    const mergeRows = await mergeTable(c);
    const jobId = uniqueName("merge");
    await mergeRows([row("a", 1)], jobId);
    const again = await mergeRows([row("a", 9, { status: "FAILED" }), row("z", 1)], jobId);
    assert.equal(again.submitted, "exists");
    assert.deepEqual([again.count, again.now.get("a")?.status], [1, "PENDING"]);
  });
}

function mergeRefusals(c: Context): void {
  const wrong: [string, (job: MergeJob) => Partial<MergeJob>][] = [
    ["two rows of one key", (job) => ({ rows: [...job.rows, row("a", 2)] })],
    ["no rows", () => ({ rows: [] })],
    ["no keys", () => ({ keys: [] })],
    ["a row without key", () => ({ rows: [{ version: 1 }] })],
    ["a row without version", () => ({ rows: [{ id: "a" }] })],
    ["a row with a foreign column", () => ({ rows: [row("a", 1, { other: 1 })] })],
    ["a key that is no column", () => ({ keys: ["other"] })],
    ["a partition that is not required", () => ({ required: ["status"] })],
    ["a partition of another type", () => ({ partition: "status" })],
    ["a value of another type", () => ({ rows: [row("a", 1, { duration_ms: "long" })] })],
    ["a broken JSON text", () => ({ rows: [row("a", 1, { parameters: "{" })] })],
    ["a time that is none", () => ({ rows: [row("a", 1, { end_time: "yesterday" })] })],
    ["a table's name with a backtick", (job) => ({ table: { ...job.table, table: "a`b" } })],
  ];
  for (const [what, change] of wrong) {
    test(`a merge with ${what} is a TypeError`, async () => {
      const job = merge(c, { dataset: c.dataset, table: "unused" }, [row("a", 1)]);
      await assert.rejects(c.warehouse.submitMerge({ ...job, ...change(job) }), TypeError);
    });
  }
}

function dryRuns(c: Context): void {
  test("a dry run names the tables that a query reads, and writes nothing", async () => {
    const table = { dataset: c.dataset, table: uniqueName("runs") };
    await c.warehouse.createTable(table, RUNS);
    const query = { sql: `SELECT id FROM \`${table.table}\``, params: [], defaultDataset: c.dataset };
    const plan = await c.warehouse.dryRun(query);
    assert.deepEqual(plan.referencedTables, [{ project: c.warehouse.project, ...table }]);
    assert.equal(plan.statementType, "SELECT");
    assert.deepEqual(await c.rows(table), []);
  });

  test("a dry run over a missing table is notFound", async () => {
    const query = {
      sql: `SELECT id FROM \`${uniqueName("missing")}\``,
      params: [],
      defaultDataset: c.dataset,
    };
    await assert.rejects(c.warehouse.dryRun(query), {
      name: "WarehouseError",
      reason: "notFound",
      transient: false,
    });
  });
}

function loads(c: Context): void {
  const DATA = '{"id":"a","n":1}\n{"id":"b","n":2}\n';
  const load = (table: string, data: string, more: Partial<LoadJob> = {}): LoadJob => ({
    jobId: uniqueName("load"),
    source: { bytes: Buffer.from(data) },
    format: { type: "NEWLINE_DELIMITED_JSON" },
    schema: [
      { name: "id", type: "STRING" },
      { name: "n", type: "INTEGER" },
    ],
    destination: { dataset: c.dataset, table, write: "WRITE_APPEND" },
    labels: { tenant: "acme" },
    ...more,
  });
  const done = async (job: LoadJob): Promise<JobInfo> => {
    await c.warehouse.submitLoad(job);
    return c.warehouse.waitForJob(job.jobId, PATIENCE_MS);
  };
  const ids = async (table: string): Promise<unknown[]> =>
    (await c.rows({ dataset: c.dataset, table })).map(({ id }) => id).sort();

  test("a load makes its table, and tells its rows and bytes", async () => {
    const table = uniqueName("t");
    const job = load(table, DATA);
    assert.equal(await c.warehouse.submitLoad(job), "started");
    const { state, error, rows, labels } = await c.warehouse.waitForJob(job.jobId, PATIENCE_MS);
    assert.deepEqual(
      { state, error, rows, labels },
      { state: "DONE", error: null, rows: 2, labels: job.labels },
    );
    assert.deepEqual(await ids(table), ["a", "b"]);
  });

  test("a load of a stream", async () => {
    const table = uniqueName("t");
    const pieces = [DATA.slice(0, 7), DATA.slice(7)].map((piece) => Buffer.from(piece));
    const { error } = await done(
      load(table, "", { source: { stream: Readable.from(pieces), size: DATA.length } }),
    );
    assert.equal(error, null);
    assert.deepEqual(await ids(table), ["a", "b"]);
  });

  test("a load's id asks for one effect", async () => {
    const table = uniqueName("t");
    const job = load(table, DATA);
    await done(job);
    assert.equal(await c.warehouse.submitLoad(job), "exists");
    assert.equal((await c.warehouse.waitForJob(job.jobId, PATIENCE_MS)).rows, 2);
    assert.deepEqual(await ids(table), ["a", "b"]);
  });

  test("a load overwrites or appends, as it is told", async () => {
    const table = uniqueName("t");
    await done(load(table, DATA));
    await done(load(table, '{"id":"c"}\n'));
    assert.deepEqual(await ids(table), ["a", "b", "c"]);
    const destination = { dataset: c.dataset, table, write: "WRITE_TRUNCATE" } as const;
    await done(load(table, '{"id":"d"}\n', { destination }));
    assert.deepEqual(await ids(table), ["d"]);
  });

  test("a bad line fails the load, tells its place, and leaves the table as it was", async () => {
    const table = uniqueName("t");
    await done(load(table, DATA));
    const { error } = await done(load(table, '{"id":"c","n":3}\n{"id":\n'));
    assert.match(error?.message ?? "", /starting at position:? 17\b/);
    assert.deepEqual(await ids(table), ["a", "b"]);
  });

  test("a name that is none is refused before anything is sent", async () => {
    await assert.rejects(c.warehouse.submitLoad(load("a.b", DATA)), TypeError);
    await assert.rejects(c.warehouse.submitLoad(load("t", DATA, { labels: { tenant: "Acme" } })), TypeError);
  });
}
