import { openKafkaBus } from "@convergence/bus/kafka/index.ts";
import type { BusRecord } from "@convergence/bus/port.ts";
import { topicSpecs } from "@convergence/contracts";
import { systemClock } from "@convergence/runtime/clock.ts";
import { logger } from "@convergence/runtime/log.ts";
import type { BigQuery } from "@google-cloud/bigquery";
import { z } from "zod";
import { localClient } from "../cli/demo/bigquery.ts";
import { call } from "../cli/testing/http.ts";
import {
  effectRow,
  type KeyAnswer,
  LOG_TOPICS,
  runRow,
  type ShownRun,
  shownRun,
  stepRow,
  type TenantTables,
  type View,
} from "./checker/evidence.ts";
import type { Clients } from "./clients/clients.ts";
import type { Tenant } from "./clients/tenant.ts";
import { PARTITIONS } from "./nemesis/plan.ts";
import type { Supervised } from "./system/supervised.ts";

const PROJECT = "gac-prod-471220";
/** Requests to a gateway at a time. */
const AT_A_TIME = 16;

const page = z.object({
  runs: z.array(z.object({ pipeline_logging_id: z.string() })),
  next_cursor: z.string().nullable(),
});

/** Reads the log's topics and their dead letters from the first record to the present end. */
export async function collectLog(broker: string): Promise<BusRecord[]> {
  const bus = await openKafkaBus({
    brokers: [broker],
    clientId: "chaos-checker",
    topics: topicSpecs(PARTITIONS),
    clock: systemClock,
    log: logger({ level: "silent", service: "chaos" }),
  });
  try {
    const records: BusRecord[] = [];
    const topics = LOG_TOPICS.flatMap((topic) => [topic, `${topic}.dlq`]);
    const view = await bus.view({ topics, from: "low" }, (record) => records.push(record));
    if (!(await view.caughtUp())) throw new Error("the log could not be read to its end");
    return records;
  } finally {
    await bus.close();
  }
}

/** All runs that a gateway shows, each with its steps. */
export async function collectView(gateway: Supervised, tenants: readonly Tenant[]): Promise<View> {
  const runs: ShownRun[] = [];
  for (const tenant of tenants) {
    const headers = { "X-API-Key": tenant.main().text };
    const ids = await listedIds(gateway, headers);
    const next = ids[Symbol.iterator]();
    const worker = async () => {
      for (const id of next) {
        const { body } = await call(`${gateway.url}/api/v1/pipelines/runs/${id}`, "GET", undefined, headers);
        runs.push(shownRun.parse(body));
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  }
  return { gateway: gateway.name, runs };
}

async function listedIds(gateway: Supervised, headers: Record<string, string>): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const more = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const url = `${gateway.url}/api/v1/pipelines/runs?limit=200${more}`;
    const { runs, next_cursor } = page.parse((await call(url, "GET", undefined, headers)).body);
    ids.push(...runs.map(({ pipeline_logging_id }) => pipeline_logging_id));
    cursor = next_cursor;
  }
  return ids;
}

/** True once no gateway shows an open run. */
export async function nothingOpen(
  gateways: readonly Supervised[],
  tenants: readonly Tenant[],
): Promise<boolean> {
  for (const gateway of gateways) {
    for (const tenant of tenants) {
      for (const status of ["PENDING", "RUNNING"]) {
        const url = `${gateway.url}/api/v1/pipelines/runs?limit=1&status=${status}`;
        const { body } = await call(url, "GET", undefined, { "X-API-Key": tenant.main().text });
        if (page.parse(body).runs.length > 0) return false;
      }
    }
  }
  return true;
}

/** The tables of each tenant, asked of the warehouse itself. */
export async function collectWarehouse(
  endpoint: string,
  tenants: readonly Tenant[],
): Promise<TenantTables[]> {
  const client = localClient(endpoint, PROJECT);
  const found: TenantTables[] = [];
  for (const { name } of tenants) {
    found.push({
      tenant: name,
      runs: z.array(runRow).parse(await rows(client, runsQuery(name))),
      steps: z.array(stepRow).parse(await rows(client, stepsQuery(name))),
      effects: z.array(effectRow).parse(await effects(client, name)),
    });
  }
  return found;
}

async function rows(client: BigQuery, query: string): Promise<unknown[]> {
  return (await client.query({ query }))[0];
}

/** A tenant that no run of the load wrote for has no such table. */
async function effects(client: BigQuery, tenant: string): Promise<unknown[]> {
  const [exists] = await client.dataset(tenant).table("effects").exists();
  if (!exists) return [];
  return rows(
    client,
    `SELECT run_id, step, COUNT(*) AS n FROM \`${PROJECT}.${tenant}.effects\` GROUP BY run_id, step`,
  );
}

function runsQuery(tenant: string): string {
  return `
    SELECT pipeline_logging_id, tenant_id, pipeline_id, status, trigger_type, UNIX_MILLIS(start_time) AS start_ms,
      UNIX_MILLIS(end_time) AS end_ms, duration_ms, error_message, config_version, worker_instance, run_version
    FROM \`${PROJECT}.${tenant}.pipeline_runs\``;
}

function stepsQuery(tenant: string): string {
  return `
    SELECT step_logging_id, pipeline_logging_id, step_name, step_index, status, UNIX_MILLIS(start_time) AS start_ms,
      UNIX_MILLIS(end_time) AS end_ms, rows_processed, attempt, error_message, step_version
    FROM \`${PROJECT}.${tenant}.step_logs\``;
}

/** What each gateway says to each key that the clients know the state of. */
export async function collectKeys(clients: Clients, gateways: readonly Supervised[]): Promise<KeyAnswer[]> {
  const answers: KeyAnswer[] = [];
  for (const gateway of gateways) {
    for (const { name, keys } of clients.tenants) {
      for (const key of keys) {
        if (!key.sure) continue;
        const status = (await clients.tryKey(key, gateway))?.status ?? 0;
        answers.push({ gateway: gateway.name, tenant: name, keyId: key.id, inForce: key.inForce, status });
      }
    }
  }
  return answers;
}
