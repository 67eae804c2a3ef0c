import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { BigQuery } from "@google-cloud/bigquery";
import { localClient } from "../cli/demo/bigquery.ts";
import { end, freePort } from "../cli/testing/process.ts";
import { percentile } from "./client.ts";
import { times } from "./noop-runs.ts";

const WARM = 200;
const ONE_CLIENT = 500;
const CLIENTS = 16;
const LOAD_MS = 5_000;
const BILLING_ROWS = 1_000_000;
const DATASET = "bench";

/** The local BigQuery as a process of its own, its data in a folder; by the real client over HTTP. */
export async function benchBigQuery(): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "bench-bigquery-"));
  const port = await freePort();
  let server = await start(port, folder);
  try {
    const client = localClient(server.url, "bench");
    await client.createDataset(DATASET);
    await measureStatements(client);
    await measureLoad(client, folder, server.pid);
    await server.stop();
    const began = performance.now();
    server = await start(port, folder);
    console.log(
      `started again over that file: ready after ${(performance.now() - began).toFixed(0)} ms (aim: 1 GB in 3,000)`,
    );
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Server {
  url: string;
  pid: number;
  stop(): Promise<unknown>;
}

async function start(port: number, folder: string): Promise<Server> {
  const env = { ...process.env, LOCAL_BIGQUERY_PORT: String(port), LOCAL_BIGQUERY_DATA_DIR: folder };
  const main = path.join(import.meta.dirname, "../cli/local-bigquery-main.ts");
  const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "inherit"] });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", (code) => reject(new Error(`the local BigQuery ended with ${code}`)));
  });
  return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, stop: () => end(child, "SIGTERM") };
}

async function measureStatements(client: BigQuery): Promise<void> {
  await client.query(`CREATE TABLE ${DATASET}.runs (id INT64, state STRING, at TIMESTAMP)`);
  const bare = (): Promise<unknown> => client.getDatasets({ maxResults: 1 });
  const select = (): Promise<unknown> => client.query("SELECT 1");
  let id = 0;
  const insert = (): Promise<unknown> =>
    client.query({
      query: `INSERT INTO ${DATASET}.runs (id, state, at) VALUES (@id, @state, CURRENT_TIMESTAMP())`,
      params: { id: id++, state: "PENDING" },
    });
  const merge = (): Promise<unknown> => client.query({ query: MERGE, params: { rows: hundred(id++) } });
  await times(WARM, select);
  const floor = percentile(await times(ONE_CLIENT, bare), 0.5);
  console.log(`a bare exchange by the same client (list datasets): p50 ${floor.toFixed(2)} ms`);
  report("SELECT 1", await times(ONE_CLIENT, select), 3, floor);
  report("one-row INSERT", await times(ONE_CLIENT, insert), 4, floor);
  report("MERGE of 100 rows", await times(ONE_CLIENT / 5, merge), 8, floor);
  const [bareRate, rate] = [await perSecond(bare), await perSecond(select)];
  console.log(
    `${CLIENTS} clients: ${rate.toFixed(0)} queries/s (aim: at least 1,000); bare ${bareRate.toFixed(0)}/s, ratio ${(rate / bareRate).toFixed(2)}`,
  );
}

const MERGE = `MERGE ${DATASET}.runs AS t USING (SELECT * FROM UNNEST(@rows)) AS s ON t.id = s.id
  WHEN MATCHED THEN UPDATE SET state = s.state
  WHEN NOT MATCHED THEN INSERT (id, state) VALUES (s.id, s.state)`;

/** Half of them are there already, once the bench has run a little. */
function hundred(seed: number): { id: number; state: string }[] {
  return Array.from({ length: 100 }, (_, i) => ({ id: 1_000_000 + seed * 50 + i, state: "COMPLETE" }));
}

function report(what: string, samples: number[], aim: number, floor: number): void {
  const [p50, p99] = [percentile(samples, 0.5), percentile(samples, 0.99)];
  console.log(
    `${what}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms (aim: p50 at most ${aim} ms); ratio to bare ${(p50 / floor).toFixed(1)}`,
  );
}

async function perSecond(run: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  let count = 0;
  const one = async (): Promise<void> => {
    while (performance.now() - begun < LOAD_MS) {
      await run();
      count++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, one));
  return (count * 1000) / (performance.now() - begun);
}

const SCHEMA =
  "day:DATE,account:STRING,service:STRING,region:STRING,sku:STRING,quantity:FLOAT,cost:NUMERIC,currency:STRING";

function billingRow(n: number): Record<string, string | number> {
  return {
    day: new Date(Date.UTC(2026, 0, 1 + (n % 365))).toISOString().slice(0, 10),
    account: `account-${n % 97}`,
    service: `service-${n % 31}`,
    region: `region-${n % 13}`,
    sku: `sku-${n % 1009}`,
    quantity: (n % 1000) / 7,
    cost: `${n % 500}.${String(n % 1_000_000).padStart(6, "0")}`,
    currency: "USD",
  };
}

async function writeBilling(file: string): Promise<number> {
  const out = createWriteStream(file);
  let bytes = 0;
  for (let n = 0; n < BILLING_ROWS; n += 10_000) {
    const lines = Array.from({ length: 10_000 }, (_, i) => `${JSON.stringify(billingRow(n + i))}\n`).join("");
    bytes += lines.length;
    if (!out.write(lines)) await new Promise((resolve) => out.once("drain", resolve));
  }
  await new Promise((resolve) => out.end(resolve));
  return bytes;
}

async function measureLoad(client: BigQuery, folder: string, pid: number): Promise<void> {
  const file = path.join(folder, "billing.ndjson");
  const bytes = await writeBilling(file);
  const [table] = await client.dataset(DATASET).createTable("billing", { schema: SCHEMA });
  const begun = performance.now();
  await table.load(file, { sourceFormat: "NEWLINE_DELIMITED_JSON" });
  const seconds = (performance.now() - begun) / 1000;
  const direct = await loadDirectly(file);
  console.log(
    `${BILLING_ROWS} billing rows (${(bytes / 1e6).toFixed(0)} MB of NDJSON): ${(BILLING_ROWS / seconds).toFixed(0)} rows/s (aim: at least 100,000); DuckDB alone ${(BILLING_ROWS / direct.seconds).toFixed(0)} rows/s, ratio ${(direct.seconds / seconds).toFixed(2)}`,
  );
  const groups =
    "SELECT service, SUM(cost) AS cost, COUNT(*) AS n FROM bench.billing GROUP BY service ORDER BY cost DESC";
  const p50 = percentile(await times(15, () => client.query({ query: groups, useQueryCache: false })), 0.5);
  console.log(
    `GROUP BY over them: p50 ${p50.toFixed(0)} ms (aim: under 200); DuckDB alone ${direct.groupMs.toFixed(0)} ms, ratio ${(p50 / direct.groupMs).toFixed(1)}`,
  );
  console.log(`memory of the process: ${await memory(pid)}`);
  await rm(file);
}

/** The same file and query by DuckDB itself, in this process. */
async function loadDirectly(file: string): Promise<{ seconds: number; groupMs: number }> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
  const connection = await instance.connect();
  const begun = performance.now();
  const columns =
    "{day: 'DATE', account: 'VARCHAR', service: 'VARCHAR', region: 'VARCHAR', sku: 'VARCHAR', quantity: 'DOUBLE', cost: 'DECIMAL(38,9)', currency: 'VARCHAR'}";
  await connection.run(
    `CREATE TABLE billing AS SELECT * FROM read_json('${file}', format = 'newline_delimited', columns = ${columns})`,
  );
  const seconds = (performance.now() - begun) / 1000;
  const group = (): Promise<unknown> =>
    connection.runAndReadAll(
      "SELECT service, sum(cost), count(*) FROM billing GROUP BY service ORDER BY 2 DESC",
    );
  const groupMs = percentile(await times(15, group), 0.5);
  connection.closeSync();
  instance.closeSync();
  return { seconds, groupMs };
}

/** Resident now and at most, as Linux tells it. */
async function memory(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const megabytes = (name: string): string =>
    `${Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024)} MB`;
  return status === ""
    ? "not known on this system"
    : `${megabytes("VmRSS")} now, ${megabytes("VmHWM")} at most`;
}
