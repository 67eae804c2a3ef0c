import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { BigQuery, Dataset, Query } from "@google-cloud/bigquery";
import { type LocalBigQuery, startLocalBigQuery } from "../index.ts";
import { isObject, type JsonObject, objectOr, parseJson } from "../json.ts";
import { clientOf, failureOf, PROJECT, rowsOf } from "../test-kit.ts";

/** What a step is handed: the real client on an endpoint that the series shares, and a dataset of its own. */
export interface Step {
  server: LocalBigQuery;
  client: BigQuery;
  dataset: Dataset;
  /** The dataset's id. */
  id: string;
  /** Runs a statement, the step's dataset being the default one, and gives its rows as plain JSON. */
  rows(query: string | Query): Promise<unknown[]>;
  /** Runs a query as a job, waits for it, and gives its metadata. Rejects where the job failed. */
  ran(query: string | Query): Promise<JsonObject>;
  /** Writes a file for a load; it is gone with the series. */
  file(name: string, content: string): string;
}

/** One point of what a client relies on, by name. */
export type Steps = Record<string, (step: Step) => Promise<void>>;

/** Runs the steps of one feature, each a test, over one endpoint, which must log no internal error. */
export function steps(feature: string, all: Steps): void {
  describe(feature, () => {
    const faults: string[] = [];
    const folder = mkdtempSync(path.join(tmpdir(), "local-bigquery-client-"));
    let server: LocalBigQuery | undefined;
    before(async () => {
      const log = (line: string): number => faults.push(line);
      server = await startLocalBigQuery({ host: "127.0.0.1", port: 0, file: null, log });
    });
    after(async () => {
      await server?.close();
      rmSync(folder, { recursive: true, force: true });
    });
    for (const [index, [name, run]] of Object.entries(all).entries())
      test(name, async () => {
        assert.ok(server);
        await run(await stepOf(server, `step_${index + 1}`, folder));
        assert.deepEqual(faults, [], "the endpoint logged an internal error");
      });
  });
}

async function stepOf(server: LocalBigQuery, id: string, folder: string): Promise<Step> {
  const client = clientOf(server.url);
  const [dataset] = await client.createDataset(id);
  const defaultDataset = { projectId: PROJECT, datasetId: id };
  const full = (query: string | Query): Query =>
    typeof query === "string" ? { query, defaultDataset } : { defaultDataset, ...query };
  return {
    server,
    client,
    dataset,
    id,
    rows: (query) => rowsOf(client, full(query)),
    async ran(query) {
      const [job] = await client.createQueryJob(full(query));
      await job.promise();
      return metadataOf(job.getMetadata());
    },
    file(name, content) {
      const made = path.join(folder, `${id}-${name}`);
      writeFileSync(made, content);
      return made;
    },
  };
}

/** A resource's metadata as plain JSON. */
export async function metadataOf(asked: Promise<unknown[]>): Promise<JsonObject> {
  const [metadata] = await asked;
  return objectOr(parseJson(JSON.stringify(metadata)));
}

/** Asserts that this is refused: `reason`, its HTTP status where the client knows one, and what the message says. */
export async function fails(promise: Promise<unknown>, reason: string, message: RegExp): Promise<void> {
  const failure = await failureOf(promise);
  assert.equal(failure.reason, reason, failure.message);
  assert.match(failure.message, message);
  if (failure.code > 0) assert.equal(failure.code, STATUS[reason] ?? 400, failure.message);
}

/** The HTTP status that the service answers a reason with, where it is not 400. */
const STATUS: Record<string, number> = {
  accessDenied: 403,
  notFound: 404,
  duplicate: 409,
  conditionNotMet: 412,
  notImplemented: 501,
};

/** The value at a path of names, or undefined: metadata.statistics.query.dmlStats. */
export function at(value: unknown, names: string): unknown {
  let found = value;
  for (const name of names.split(".")) {
    if (Array.isArray(found)) found = found.at(Number(name));
    else found = isObject(found) ? found[name] : undefined;
  }
  return found;
}

/** A request as the client would send it, for what the client has no call for. */
export async function send(
  step: Step,
  method: string,
  route: string,
  body?: object,
): Promise<{ status: number; body: JsonObject }> {
  const response = await fetch(`${step.server.url}/bigquery/v2/projects/${PROJECT}/${route}`, {
    method,
    ...(body ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : objectOr(parseJson(text)) };
}
