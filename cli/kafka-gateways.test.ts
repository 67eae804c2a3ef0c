import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type KafkaBroker, startBroker } from "@convergence/bus/kafka/testing/broker.ts";
import { z } from "zod";
import { type Cluster, cluster, type ServiceProcess } from "./testing/cluster.ts";
import { type Answer, call, eventually, onboard } from "./testing/http.ts";
import { freePort } from "./testing/process.ts";

const TENANT = "gateways_1";
const REVOCATIONS = 50;
const KEYS = `/api/v1/customers/${TENANT}/api-keys`;
const RUNS = "/api/v1/pipelines/runs";
const NOOP = `/api/v1/pipelines/run/${TENANT}/gcp/example/noop`;

const issued = z.object({ key_id: z.string(), api_key: z.string() });

describe("three gateways over one Kafka", () => {
  let broker: KafkaBroker;
  let platform: Cluster;
  const gateways: ServiceProcess[] = [];
  /** So that a gateway that is started again finds its file. */
  const places: Record<string, string>[] = [];
  let key = "";

  before(async () => {
    broker = await startBroker();
    platform = await cluster(broker.address);
    for (let n = 0; n < 3; n += 1) {
      places.push({ PORT: String(await freePort()), OPERATOR_PORT: String(await freePort()) });
      gateways.push(await platform.start("gateway", places[n]));
    }
    const others = [
      await platform.start("tenant-service"),
      await platform.start("pipeline-service"),
      await platform.start("step-runner"),
    ];
    await Promise.all([...gateways, ...others].map((service) => service.ready()));
    key = await onboard(url(0), TENANT, { "X-Admin-Key": platform.adminKey });
  });
  after(async () => {
    await platform?.close();
    await broker?.dispose();
  });

  const url = (n: number) => z.string().parse(gateways[n]?.url);
  const ask = (n: number, path: string, apiKey: string, method = "GET", body?: object): Promise<Answer> =>
    call(`${url(n)}${path}`, method, body, { "X-API-Key": apiKey });
  /** Resolves once every gateway answers a read by this key with `status`. */
  const allAnswer = (status: number, apiKey: string) =>
    Promise.all(
      gateways.map((_, n) =>
        eventually(
          () => ask(n, RUNS, apiKey),
          (answer) => answer.status === status,
          10_000,
        ),
      ),
    );

  test("a key that one of them revokes is refused by all, p99 within a second", async (t) => {
    const keys: z.output<typeof issued>[] = [];
    for (let n = 0; n < REVOCATIONS; n += 1) {
      keys.push(issued.parse((await ask(n % 3, KEYS, key, "POST", {})).body));
    }
    const times: number[] = [];
    for (const [n, { key_id, api_key }] of keys.entries()) {
      await allAnswer(200, api_key);
      const begun = performance.now();
      const revoking = ask(n % 3, `${KEYS}/${key_id}`, key, "DELETE");
      await allAnswer(401, api_key);
      times.push(performance.now() - begun);
      assert.equal((await revoking).status, 204);
    }
    times.sort((a, b) => a - b);
    const [p50 = 0, p99 = 0] = [times[Math.floor(REVOCATIONS / 2)], times.at(-1)];
    t.diagnostic(
      `from the request until all three refuse: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`,
    );
    assert.ok(p99 < 1_000, `p99 ${p99.toFixed(0)} ms`);
  });

  test("one that is started again while Kafka is away authenticates from its own file, and serves reads", async () => {
    const run = await ask(2, NOOP, key, "POST", {});
    const detail = `${RUNS}/${run.body.pipeline_logging_id}`;
    const over = await ask(2, `${detail}?wait=20`, key);
    assert.equal(over.body.status, "COMPLETE", JSON.stringify(over.body));
    const revoked = issued.parse((await ask(2, KEYS, key, "POST", {})).body);
    assert.equal((await ask(2, `${KEYS}/${revoked.key_id}`, key, "DELETE")).status, 204);
    await broker.stop();
    assert.equal(await gateways[2]?.end("SIGTERM"), 0);
    gateways[2] = await platform.start("gateway", places[2]);
    await gateways[2].ready();

    const read = await ask(2, detail, key);
    assert.equal(read.status, 200);
    assert.deepEqual(read.body, over.body);
    assert.equal((await ask(2, RUNS, key)).status, 200);
    assert.equal((await ask(2, RUNS, revoked.api_key)).status, 401, "what was revoked stays so");
    const unknown = await ask(2, RUNS, `${TENANT}_api_0123456789abcdef`);
    assert.equal(unknown.status, 503, "a key that is not in the file may be new: never 401");
    const changes = [
      await ask(2, NOOP, key, "POST", {}),
      await ask(2, KEYS, key, "POST", {}),
      await ask(2, `${KEYS}/${revoked.key_id}`, key, "DELETE"),
    ];
    for (const { status, headers, body } of changes) {
      assert.equal(status, 503, JSON.stringify(body));
      assert.ok(Number(headers.get("retry-after")) >= 1);
    }

    await broker.start();
    const accepted = await eventually(
      () => ask(2, NOOP, key, "POST", {}),
      ({ status }) => status === 200,
      60_000,
    );
    const ended = await eventually(
      () => ask(2, `${RUNS}/${accepted.body.pipeline_logging_id}?wait=20`, key),
      ({ body }) => body.status === "COMPLETE",
      60_000,
    );
    assert.equal(ended.status, 200);
  });

  test("one that is killed while Kafka is away does the same", async () => {
    await broker.stop();
    await gateways[1]?.end("SIGKILL");
    gateways[1] = await platform.start("gateway", places[1]);
    await gateways[1].ready();
    assert.equal((await ask(1, RUNS, key)).status, 200);
    const refused = await ask(1, NOOP, key, "POST", {});
    assert.equal(refused.status, 503, JSON.stringify(refused.body));
  });
});
