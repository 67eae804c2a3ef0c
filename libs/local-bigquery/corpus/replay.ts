import type { BigQuery, JobOptions } from "@google-cloud/bigquery";
import { isObject, type JsonObject, objectOr, parseJson } from "../json.ts";
import { PROJECT } from "../test-kit.ts";
import { difference } from "./compare.ts";
import { type Fixture, filled } from "./fixture.ts";
import { configurationOf } from "./job.ts";

/** What became of a fixture: answered as recorded, refused (notImplemented), or wrong. */
export interface Outcome {
  name: string;
  kind: "right" | "refused" | "wrong";
  why: string;
}

/** An error as the client shows it. */
interface Failure {
  status: number;
  reason: string;
  message: string;
}

/** Runs one fixture in a dataset of its own and compares the answer with the recording. */
export async function replay(client: BigQuery, fixture: Fixture, dataset: string): Promise<Outcome> {
  const { name } = fixture;
  await client.createDataset(dataset);
  try {
    await prepare(client, fixture, dataset);
    const why = await ask(client, fixture, dataset);
    return { name, kind: why === undefined ? "right" : "wrong", why: why ?? "" };
  } catch (error) {
    return judge(fixture, failureIn(error));
  } finally {
    await client
      .dataset(dataset)
      .delete({ force: true })
      .catch(() => undefined);
  }
}

async function prepare(client: BigQuery, fixture: Fixture, dataset: string): Promise<void> {
  const fill = (text: string): string => filled(text, PROJECT, dataset);
  if (fixture.setup !== undefined)
    await run(client, { query: { query: fill(fixture.setup), useLegacySql: false } });
  for (const { method, path, body } of fixture.setupRest) {
    const json: unknown = parseJson(fill(JSON.stringify(body)));
    const uri = fill(String(path)).replace(/^.*\/projects\/[^/]+/, "");
    await request(client, { method: String(method), uri, json });
  }
}

interface RestRequest {
  method: string;
  uri: string;
  qs?: JsonObject;
  json?: unknown;
}

function request(client: BigQuery, options: RestRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.request(options, (error: Error | null, body: unknown) => (error ? reject(error) : resolve(body)));
  });
}

async function run(client: BigQuery, configuration: JsonObject): Promise<JsonObject> {
  const options: JobOptions = JSON.parse(JSON.stringify({ configuration }));
  const [job, response] = await client.createJob(options);
  if (configuration.dryRun === true)
    return { schema: objectOr(objectOr(response.statistics).query).schema, rows: [] };
  // Not getQueryResults: it keeps the rows as they came to itself.
  return objectOr(
    await request(client, {
      method: "GET",
      uri: `/queries/${job.id}`,
      qs: { "formatOptions.useInt64Timestamp": true },
    }),
  );
}

async function ask(client: BigQuery, fixture: Fixture, dataset: string): Promise<string | undefined> {
  const answer = await run(client, configurationOf(fixture, PROJECT, dataset));
  if (isObject(fixture.expected.error))
    return `answered, recorded error ${String(fixture.expected.error.reason)}`;
  const rows = Array.isArray(answer.rows) ? answer.rows : [];
  const isOrdered = /order\s+by/i.test(fixture.query);
  return difference(fixture.expected, objectOr(answer.schema).fields, rows, isOrdered);
}

function judge({ name, expected }: Fixture, { status, reason, message }: Failure): Outcome {
  if (reason === "notImplemented" || status === 501) return { name, kind: "refused", why: message };
  const { error } = expected;
  if (isObject(error) && error.http_status === status && error.reason === reason)
    return { name, kind: "right", why: "" };
  const recorded = isObject(error) ? `${error.http_status} ${error.reason}` : "rows";
  return { name, kind: "wrong", why: `${status} ${reason}: ${message}; recorded ${recorded}` };
}

/** Reads the client's error; a fault of the test itself is thrown on. */
function failureIn(thrown: unknown): Failure {
  const { code, errors, message } = Object(thrown);
  const [first]: unknown[] = Array.isArray(errors) ? errors : [];
  if (!isObject(first)) throw thrown;
  const reason = String(first.reason);
  return { status: Number(code), reason, message: String(first.message ?? message) };
}
