import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type KafkaBroker, startBroker } from "@convergence/bus/kafka/testing/broker.ts";
import { z } from "zod";
import { localClient } from "./demo/bigquery.ts";
import { type Cluster, cluster, type ServiceProcess } from "./testing/cluster.ts";
import { call, eventually, onboard, type TenantClient, tenantClient } from "./testing/http.ts";

const PROJECT = "gac-prod-471220";

describe("the services as processes of their own, over Kafka", () => {
  let broker: KafkaBroker;
  let platform: Cluster;
  let gateways: ServiceProcess[] = [];
  let pipelines: ServiceProcess[] = [];
  let runners: ServiceProcess[] = [];
  let tenants: ServiceProcess;
  let client: TenantClient;

  before(async () => {
    broker = await startBroker();
    platform = await cluster(broker.address);
    // In an order that no service would choose.
    runners = [await platform.start("step-runner"), await platform.start("step-runner")];
    gateways = [await platform.start("gateway"), await platform.start("gateway")];
    pipelines = [await platform.start("pipeline-service"), await platform.start("pipeline-service")];
    tenants = await platform.start("tenant-service");
    await Promise.all([...runners, ...gateways, ...pipelines, tenants].map((service) => service.ready()));
  });
  after(async () => {
    await platform?.close();
    await broker?.dispose();
  });

  const url = (index = 0) => z.string().parse(gateways[index]?.url);
  const admin = () => ({ "X-Admin-Key": platform.adminKey });
  const query = async (sql: string) =>
    (await localClient(platform.bigQueryUrl, PROJECT).query({ query: sql }))[0];

  /** Submits so many runs at once, on all gateways in turn, and gives their ids. */
  async function submit(count: number): Promise<string[]> {
    const answers = await Promise.all(
      Array.from({ length: count }, (_, n) =>
        call(
          `${url(n % gateways.length)}/api/v1/pipelines/run/kafka_1/gcp/example/noop`,
          "POST",
          {},
          { "X-API-Key": client.key },
        ),
      ),
    );
    return answers.map(({ status, body }) => {
      assert.equal(status, 200, JSON.stringify(body));
      return z.string().parse(body.pipeline_logging_id);
    });
  }
  async function allComplete(ids: string[], on = 0): Promise<void> {
    const over = (id: string) =>
      eventually(
        () =>
          call(`${url(on)}/api/v1/pipelines/runs/${id}?wait=20`, "GET", undefined, {
            "X-API-Key": client.key,
          }),
        ({ body }) => body.status !== "PENDING" && body.status !== "RUNNING",
        60_000,
      );
    for (const { body } of await Promise.all(ids.map(over)))
      assert.equal(body.status, "COMPLETE", JSON.stringify(body));
  }

  test("a tenant is onboarded on one gateway and known on the other", async () => {
    client = tenantClient(url(), "kafka_1", await onboard(url(), "kafka_1", admin()));
    await allComplete(await submit(4), 1);
  });

  test("a gateway that others reach onboards nobody without the admin key", async () => {
    assert.equal(
      (await call(`${url()}/api/v1/customers/onboard`, "POST", { tenant_id: "stranger" })).status,
      401,
    );
  });

  test("both runners share the work, and every run is projected", async () => {
    const ids = await submit(60);
    await allComplete(ids);
    const rows = await eventually(
      () =>
        query(
          `SELECT pipeline_logging_id, worker_instance FROM \`${PROJECT}.kafka_1.pipeline_runs\` WHERE status = 'COMPLETE'`,
        ),
      (found) => ids.every((id) => found.some((row) => row.pipeline_logging_id === id)),
      10_000,
    );
    assert.equal(new Set(rows.map(({ worker_instance }) => worker_instance)).size, 2);
  });

  test("a killed pipeline-service's runs go on under the other, and a killed runner's steps on the other", async () => {
    const headers = { "X-API-Key": client.key };
    const range = { from: "2024-02-01", to: "2024-03-31", max_concurrent: 4 };
    const template = "kafka_1/gcp/cost/daily-cost-template";
    const backfill = await call(`${url()}/api/v1/pipelines/backfill/${template}`, "POST", range, headers);
    assert.equal(backfill.status, 200, JSON.stringify(backfill.body));
    const ids = await submit(30);
    await pipelines.pop()?.end("SIGKILL");
    await runners.pop()?.end("SIGKILL");
    ids.push(...(await submit(10)));
    await allComplete(ids);
    // Its source table is missing: each date fails, once, and holds up none.
    const { body } = await eventually(
      () =>
        call(`${url()}/api/v1/pipelines/backfills/${backfill.body.backfill_id}`, "GET", undefined, headers),
      (answer) => answer.body.end_time !== null,
      60_000,
    );
    const none = { waiting: 0, open: 0, complete: 0, cancelled: 0, refused: 0 };
    assert.deepEqual(body.dates, { total: 60, failed: 60, ...none });
  });

  test("while Kafka is away reads go on and changes answer 503 with Retry-After; afterwards nothing is lost", async () => {
    const before = await submit(5);
    await allComplete(before);
    await broker.stop();
    const key = { "X-API-Key": client.key };
    const read = await call(`${url()}/api/v1/pipelines/runs`, "GET", undefined, key);
    assert.equal(read.status, 200);
    const refused = await call(
      `${url()}/api/v1/pipelines/run/kafka_1/gcp/example/noop`,
      "POST",
      {},
      { ...key, "Idempotency-Key": "away" },
    );
    assert.equal(refused.status, 503, JSON.stringify(refused.body));
    assert.ok(Number(refused.headers.get("retry-after")) >= 1);
    await broker.start();
    const repeated = await eventually(
      () =>
        call(
          `${url()}/api/v1/pipelines/run/kafka_1/gcp/example/noop`,
          "POST",
          {},
          { ...key, "Idempotency-Key": "away" },
        ),
      ({ status }) => status === 200,
      60_000,
    );
    await allComplete([z.string().parse(repeated.body.pipeline_logging_id)]);
  });

  test("each service tells its part on its operator's port", async () => {
    const tells = (service: ServiceProcess | undefined, ...patterns: RegExp[]) =>
      eventually(
        async () => {
          const text = await (await fetch(`${z.string().parse(service?.operatorUrl)}/metrics`)).text();
          return patterns.filter((pattern) => !pattern.test(text)).map(String);
        },
        (missing) => missing.length === 0,
        40_000,
      );
    const lag = (reader: string, topic: string) =>
      new RegExp(
        `^convergence_consumer_lag_records{reader="${reader}",topic="${topic}",partition="\\d+"} 0$`,
        "m",
      );
    await Promise.all([
      tells(gateways[0], lag("gateway:runs", "run.events")),
      tells(
        pipelines[0],
        lag("pipeline-service", "run.commands"),
        /^convergence_step_queue_wait_seconds_count [1-9]/m,
      ),
      tells(runners[0], lag("step-runner", "step.tasks"), lag("projection", "run.events")),
      tells(
        tenants,
        lag("tenant-service", "tenant.commands"),
        /^convergence_dead_letters{topic="run\.commands"} 0$/m,
        /^convergence_onboardings_total{outcome="COMPLETE"} 1$/m,
        /^convergence_onboarding_duration_seconds_count 1$/m,
        /^convergence_api_key_changes_total{change="activated"} 1$/m,
        // The key of the onboarding, and the pair that credentials are sealed to.
        /^convergence_key_encryption_duration_seconds_count{operation="encrypt",outcome="ok"} [1-9]/m,
        /^convergence_bigquery_jobs_total{kind="\w+",outcome="done"} [1-9]/m,
        /^convergence_bigquery_request_duration_seconds_count{method="createDataset"} [1-9]/m,
      ),
    ]);
  });

  test("every process ends clean within 10 s", async () => {
    const begun = Date.now();
    const codes = await Promise.all(
      [...gateways, ...pipelines, ...runners, tenants].map((service) => service.end("SIGTERM")),
    );
    assert.deepEqual(
      codes,
      codes.map(() => 0),
    );
    assert.ok(Date.now() - begun < 10_000);
  });
});
