import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { localClient } from "./demo/bigquery.ts";
import { configsWith } from "./testing/configs.ts";
import { type Answer, call, eventually, onboard, type TenantClient, tenantClient } from "./testing/http.ts";
import { freshPlace, type Place, type Platform, startPlatform } from "./testing/platform.ts";

const PROJECT = "gac-prod-471220";
const EXPORT = "gcp/cost/bill-sample-export-template";

const TEMPLATES: Record<string, string> = {
  broken: "description: x\nsteps:\n  - step_id: a\n    type: bigquery_qurey\n",
  yaml: 'description: "x\nsteps: [\n',
  missing_table:
    'description: x\nsteps: [{ step_id: a, type: bigquery_query, query: "SELECT * FROM no_such_table" }]\n',
  backticks:
    'description: x\nparameters: { name: { type: string } }\nsteps: [{ step_id: a, type: bigquery_query, query: "SELECT * FROM `{name}`" }]\n',
  destination:
    'description: x\nparameters: { name: { type: string } }\nsteps: [{ step_id: a, type: bigquery_query, query: "SELECT 1 AS n", destination: { table: "out_{name}" } }]\n',
  literal:
    "description: x\nparameters: { text: { type: string } }\nsteps: [{ step_id: a, type: bigquery_query, query: \"SELECT '{text}' AS said\", destination: { table: said } }]\n",
  foreign:
    'description: x\nparameters: { other: { type: string } }\nsteps: [{ step_id: a, type: bigquery_query, query: "SELECT * FROM `{other}.secrets`" }]\n',
};

describe("bad input, through everything", () => {
  let place: Place;
  let configs: string;
  let platform: Platform;
  let alice: TenantClient;
  let bob: TenantClient;

  before(async () => {
    place = await freshPlace();
    configs = await configsWith(TEMPLATES);
    platform = await startPlatform(place, { CONVERGENCE_CONFIGS_DIR: configs, LOG_LEVEL: "fatal" });
    alice = tenantClient(platform.url, "alice_1", await onboard(platform.url, "alice_1"));
    bob = tenantClient(platform.url, "Bob_2", await onboard(platform.url, "Bob_2"));
  });
  after(async () => {
    await platform.end("SIGKILL");
    await place.remove();
    await rm(configs, { recursive: true });
  });

  /** A refusal says what is wrong and what to do, in the standard form. */
  function refused(answer: Answer, status: number, says: RegExp): void {
    const text = JSON.stringify(answer.body);
    assert.equal(answer.status, status, text);
    assert.equal(answer.headers.get("content-type")?.split(";")[0], "application/problem+json");
    assert.equal(answer.body.request_id, answer.headers.get("x-request-id"));
    assert.match(text, says);
  }
  const finished = async (answer: Answer) => {
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return (await alice.finished(answer.body.pipeline_logging_id)).body;
  };
  const query = async (sql: string) =>
    (await localClient(platform.bigQueryUrl, PROJECT).query({ query: sql }))[0];

  test("a malformed, reserved or case-twin tenant_id", async () => {
    const onboarding = (tenant_id: unknown) =>
      call(`${platform.url}/api/v1/customers/onboard`, "POST", { tenant_id });
    for (const tenant of [
      "ab",
      "a".repeat(51),
      "with-dash",
      "with space",
      "newline_\n",
      "ünicode",
      "",
      7,
      null,
      ["abc"],
    ]) {
      refused(await onboarding(tenant), 422, /tenant_id/);
    }
    for (const tenant of [
      "convergence_x",
      "CONVERGENCE",
      "information_schema",
      "main",
      "temp",
      "system",
      "pg_catalog",
    ]) {
      refused(await onboarding(tenant), 422, /reserved/i);
    }
    refused(await onboarding("bob_2"), 409, /Bob_2/);
  });

  test("a key that is missing, malformed, unknown, of another tenant, revoked or expired", async () => {
    const bodies = new Set<string>();
    const unauthorised = async (headers: Record<string, string>) => {
      const answer = await call(`${platform.url}/api/v1/pipelines/runs`, "GET", undefined, headers);
      refused(answer, 401, /X-API-Key/);
      const { request_id: _, ...body } = answer.body;
      bodies.add(JSON.stringify(body));
    };
    await unauthorised({});
    await unauthorised({ "X-API-Key": "nonsense" });
    await unauthorised({ "X-API-Key": `alice_1_api_${"A".repeat(16)}` });
    const issue = (body: object) =>
      call(`${platform.url}/api/v1/customers/alice_1/api-keys`, "POST", body, { "X-API-Key": alice.key });
    const second = await issue({});
    assert.equal(second.status, 201, JSON.stringify(second.body));
    const key = String(second.body.api_key);
    assert.equal(
      (await call(`${platform.url}/api/v1/pipelines/runs`, "GET", undefined, { "X-API-Key": key })).status,
      200,
    );
    const revoked = await call(
      `${platform.url}/api/v1/customers/alice_1/api-keys/${second.body.key_id}`,
      "DELETE",
      undefined,
      {
        "X-API-Key": alice.key,
      },
    );
    assert.equal(revoked.status, 204);
    await unauthorised({ "X-API-Key": key });
    const short = await issue({ expires_at: new Date(Date.now() + 1_500).toISOString() });
    assert.equal(short.status, 201, JSON.stringify(short.body));
    const expiring = { "X-API-Key": String(short.body.api_key) };
    assert.equal(
      (await call(`${platform.url}/api/v1/pipelines/runs`, "GET", undefined, expiring)).status,
      200,
    );
    await eventually(
      () => call(`${platform.url}/api/v1/pipelines/runs`, "GET", undefined, expiring),
      ({ status }) => status === 401,
    );
    assert.ok(Date.now() >= Date.parse(String(short.body.expires_at)), "not before its time");
    await unauthorised(expiring);
    assert.equal(bodies.size, 1, "all alike");
    const foreign = tenantClient(platform.url, "alice_1", bob.key);
    refused(await foreign.run("gcp/example/noop"), 403, /API key does not belong to tenant/);
  });

  test("an unknown template, and paths that would leave the folder", async () => {
    refused(await alice.run("gcp/cost/none"), 404, /gcp\/cost\/none/);
    for (const path of [
      "..%2F../x/y",
      "gcp/..%2F..%2Fetc/passwd",
      "gcp/cost/..%2Fexample%2Fnoop",
      "gcp/cost/noop%00",
      "gcp/cost/.noop",
    ]) {
      const answer = await alice.run(path);
      assert.ok(answer.status === 404 || answer.status === 422, `${path}: ${answer.status}`);
      assert.doesNotMatch(JSON.stringify(answer.body), /root:|ENOENT|EISDIR/);
    }
    assert.ok((await alice.run("metadata/schemas/tenants")).status === 404);
  });

  test("variables that are missing, ill-typed or reserved: all at once, by name", async () => {
    refused(await alice.run(EXPORT), 422, /"field":"date"/);
    refused(await alice.run(EXPORT, { date: "2025-13-45" }), 422, /"field":"date"/);
    const many = await alice.run(EXPORT, { date: 7, tenant_id: "Bob_2", run_id: "x" });
    refused(many, 422, /tenant_id/);
    assert.match(JSON.stringify(many.body), /run_id/);
  });

  test("SQL in a variable never changes the SQL", async () => {
    refused(await alice.run(EXPORT, { date: "2025-11-15' OR '1'='1" }), 422, /"field":"date"/);
    const said = "x' UNION ALL SELECT 'y' -- `\"\\ \n";
    const run = await finished(await alice.run("gcp/example/literal", { text: said }));
    assert.equal(run.status, "COMPLETE", JSON.stringify(run));
    assert.deepEqual(
      (await query(`SELECT said FROM \`${PROJECT}.alice_1.said\``)).map((row) => row.said),
      [said],
    );
  });

  test("a value in backticks or in a destination must be a plain name", async () => {
    for (const name of ["x` WHERE 1=1 --", "Bob_2.api_keys", "a b", "../x", ""]) {
      refused(await alice.run("gcp/example/backticks", { name }), 422, /name/);
      refused(
        await alice.run("gcp/example/destination", { name: name === "" ? "a.b" : name }),
        422,
        /name|table/,
      );
    }
  });

  test("a body that is no JSON, no object, too large or too deep", async () => {
    const url = `${platform.url}/api/v1/pipelines/run/alice_1/gcp/example/noop`;
    const headers = { "X-API-Key": alice.key };
    refused(await call(url, "POST", "{", headers), 400, /JSON/);
    refused(await call(url, "POST", [1], headers), 422, /object/);
    refused(await call(url, "POST", { text: "x".repeat(1_100_000) }, headers), 413, /1 MiB|1048576|large/i);
    refused(
      await call(url, "POST", `${'{"a":'.repeat(40)}1${"}".repeat(40)}`, headers),
      400,
      /deep|nested|levels/i,
    );
    refused(
      await call(url, "POST", "{}", { ...headers, "Content-Type": "text/plain" }),
      415,
      /application\/json/,
    );
  });

  test("broken templates say where, by file, line and column", async () => {
    refused(await alice.run("gcp/example/broken"), 422, /broken\.yml:4:11.*bigquery_query/s);
    refused(await alice.run("gcp/example/yaml"), 422, /yaml\.yml:\d+:\d+/);
    const { body } = await alice.get("/api/v1/pipelines/templates");
    assert.doesNotMatch(JSON.stringify(body), /"broken"/);
  });

  test("a missing table fails the run, and says which", async () => {
    const run = await finished(await alice.run("gcp/example/missing_table"));
    assert.equal(run.status, "FAILED");
    assert.match(String(run.error_message), /no_such_table/);
  });

  test("nothing of one tenant is visible to another", async () => {
    const own = await bob.run("gcp/example/noop", { marker: "belongs to Bob" });
    const id = String(own.body.pipeline_logging_id);
    assert.equal((await bob.finished(id)).body.status, "COMPLETE");
    const unknown = "00000000-0000-4000-8000-000000000000";
    for (const suffix of ["", "/steps"]) {
      const foreign = await alice.get(`/api/v1/pipelines/runs/${id}${suffix}`);
      const none = await alice.get(`/api/v1/pipelines/runs/${unknown}${suffix}`);
      const masked = (answer: Answer) =>
        JSON.stringify({ ...answer.body, request_id: "" })
          .replaceAll(id, "ID")
          .replaceAll(unknown, "ID");
      assert.equal(foreign.status, 404);
      assert.equal(masked(foreign), masked(none));
    }
    assert.doesNotMatch(JSON.stringify((await alice.get("/api/v1/pipelines/runs?limit=200")).body), /Bob/);
    for (const path of ["customers/Bob_2", "customers/Bob_2/api-keys"]) {
      refused(await alice.get(`/api/v1/${path}`), 403, /does not belong/);
    }
    refused(await alice.get("/api/v1/customers/nobody_here"), 403, /does not belong/);
    const there = await finished(await alice.run("gcp/example/foreign", { other: "Bob_2" }));
    const nowhere = await finished(await alice.run("gcp/example/foreign", { other: "nobody" }));
    assert.equal(there.status, "FAILED");
    assert.equal(there.error_message, nowhere.error_message, "one error, whether the table exists or not");
  });

  test("a lookup of a foreign run takes as long as one of a run that is not there", async () => {
    const own = await bob.run("gcp/example/noop");
    const foreign = String(own.body.pipeline_logging_id);
    const time = async (id: string) => {
      const begun = performance.now();
      await alice.get(`/api/v1/pipelines/runs/${id}`);
      return performance.now() - begun;
    };
    const [a, b]: [number[], number[]] = [[], []];
    for (let n = 0; n < 60; n += 1) {
      a.push(await time(foreign));
      b.push(await time("00000000-0000-4000-8000-000000000001"));
    }
    const median = (samples: number[]) => samples.sort((x, y) => x - y)[samples.length >> 1] ?? 0;
    assert.ok(
      Math.abs(median(a) - median(b)) < Math.max(1, 0.5 * median(b)),
      `${median(a)} ms and ${median(b)} ms`,
    );
  });
});
