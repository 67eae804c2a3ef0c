import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { startLocalBigQuery } from "./index.ts";
import { objectOr } from "./json.ts";
import { clientOf, failureOf, rowsOf } from "./test-kit.ts";

function folder(t: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), "local-bigquery-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

interface Child {
  process: ChildProcess;
  url: string;
}

/** An endpoint in a process of its own. */
async function startChild(t: TestContext, file: string): Promise<Child> {
  const program = path.join(import.meta.dirname, "test-child.ts");
  const child = spawn(process.execPath, [program, file], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const [line] = await once(child.stdout, "data");
  return { process: child, url: String(line).trim() };
}

async function killHard(child: Child): Promise<void> {
  child.process.kill("SIGKILL");
  await once(child.process, "exit");
}

test("what was acknowledged survives kill -9: rows, tables, job records, used ids", async (t) => {
  const file = path.join(folder(t), "store.db");
  const first = await startChild(t, file);
  const client = clientOf(first.url);
  await client.createDataset("D", { labels: { a: "b" } });
  await rowsOf(client, "CREATE TABLE D.t (id INT64 NOT NULL, tags ARRAY<STRING>) CLUSTER BY id");
  const created = (await client.dataset("D").table("t").getMetadata())[0].creationTime;
  const [job] = await client.createQueryJob({ query: "INSERT INTO D.t VALUES (1, ['x'])", jobId: "once" });
  await job.promise();
  const [failing] = await client.createQueryJob({ query: "SELECT nope", jobId: "failed" });
  await failureOf(failing.promise());
  await killHard(first);

  const second = await startChild(t, file);
  const again = clientOf(second.url);
  assert.deepEqual(await rowsOf(again, "SELECT * FROM D.t"), [{ id: 1, tags: ["x"] }]);
  const [table] = await again.dataset("D").table("t").getMetadata();
  assert.equal(table.creationTime, created);
  assert.deepEqual(table.clustering, { fields: ["id"] });
  const [record] = await again.job("once").getMetadata();
  assert.equal(record.status.state, "DONE");
  assert.equal(record.statistics.query.numDmlAffectedRows, "1");
  const repeated = await failureOf(
    again.createQueryJob({ query: "INSERT INTO D.t VALUES (2, [])", jobId: "once" }),
  );
  assert.equal(repeated.code, 409);
  assert.equal((await again.job("failed").getMetadata())[0].status.errorResult.reason, "invalidQuery");
  await killHard(second);
});

test("a request repeated after kill -9 has no second effect", async (t) => {
  const file = path.join(folder(t), "store.db");
  const first = await startChild(t, file);
  await rowsOf(clientOf(first.url), "CREATE SCHEMA d");
  await rowsOf(clientOf(first.url), "CREATE TABLE d.t (id INT64)");
  const send = async (url: string): Promise<number> => {
    const response = await fetch(`${url}/bigquery/v2/projects/gac-prod-471220/queries`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: "INSERT INTO d.t VALUES (1)", useLegacySql: false, requestId: "same" }),
    });
    await response.json();
    return response.status;
  };
  assert.equal(await send(first.url), 200);
  await killHard(first);
  const second = await startChild(t, file);
  assert.equal(await send(second.url), 200);
  assert.deepEqual(await rowsOf(clientOf(second.url), "SELECT COUNT(*) AS n FROM d.t"), [{ n: 1 }]);
  await killHard(second);
});

test("a kill in the middle of many jobs leaves each record with its effect, or neither", async (t) => {
  const file = path.join(folder(t), "store.db");
  const first = await startChild(t, file);
  const client = clientOf(first.url);
  await rowsOf(client, "CREATE SCHEMA d");
  await rowsOf(client, "CREATE TABLE d.t (id INT64)");
  const acknowledged: number[] = [];
  const insertAll = async (): Promise<void> => {
    for (let id = 0; ; id++) {
      const response = await fetch(`${first.url}/bigquery/v2/projects/gac-prod-471220/jobs`, {
        method: "POST",
        body: JSON.stringify({
          jobReference: { jobId: `job_${id}` },
          configuration: { query: { query: `INSERT INTO d.t VALUES (${id})`, useLegacySql: false } },
        }),
      });
      const answer: unknown = await response.json();
      if (objectOr(objectOr(answer).status).state === "DONE") acknowledged.push(id);
      if (acknowledged.length === 10) first.process.kill("SIGKILL");
    }
  };
  await assert.rejects(insertAll());
  const second = await startChild(t, file);
  const again = clientOf(second.url);
  const rows = await rowsOf(again, "SELECT id FROM d.t ORDER BY id");
  const ids = rows.map((row) =>
    typeof row === "object" && row !== null && "id" in row ? Number(row.id) : -1,
  );
  for (const id of acknowledged) assert.ok(ids.includes(id), `row of the acknowledged job_${id}`);
  for (const id of ids) assert.equal((await again.job(`job_${id}`).getMetadata())[0].status.state, "DONE");
  const next = ids.length;
  assert.equal((await failureOf(again.job(`job_${next}`).getMetadata())).code, 404);
  await killHard(second);
});

test("a port in use, a file in use and a file of a newer version are refused in one line", async (t) => {
  const file = path.join(folder(t), "store.db");
  const child = await startChild(t, file);
  const port = Number(new URL(child.url).port);
  const start = (options: { port: number; file: string | null }): Promise<unknown> =>
    startLocalBigQuery({ host: "127.0.0.1", ...options });
  await assert.rejects(
    start({ port, file: null }),
    /^Error: local BigQuery: port \d+ on 127\.0\.0\.1 is in use; set another port$/,
  );
  await assert.rejects(
    start({ port: 0, file }),
    /is in use by another process; stop it or choose another file$/,
  );
  await killHard(child);
  const newer = path.join(folder(t), "newer.db");
  const instance = await DuckDBInstance.create(newer);
  const connection = await instance.connect();
  await connection.run("CREATE SCHEMA bq");
  await connection.run("CREATE TABLE bq.store AS SELECT 999 AS format");
  connection.closeSync();
  instance.closeSync();
  await assert.rejects(
    start({ port: 0, file: newer }),
    /has store format 999, this version reads up to 1; use a newer version$/,
  );
});
