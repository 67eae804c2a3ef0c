import { METADATA_TABLES } from "@convergence/tenant";
import type { Cluster } from "../cluster/cluster.ts";
import { PLATFORM_DATASET } from "../cluster/materials.ts";
import type { Oracle } from "./oracle.ts";

type Violation = (what: string) => void;

const KEY_SHAPE = /_api_[A-Za-z0-9]{16}/g;

/** No key is readable in any record, log line, metric, row or job. */
export async function checkSecrets(
  oracle: Oracle,
  cluster: Cluster,
  logLines: readonly string[],
  violation: Violation,
): Promise<void> {
  const secrets = new Set(
    [...oracle.keys.byId.values()].map(({ text }) => text.slice(text.lastIndexOf("_api_"))),
  );
  const search = (where: string, text: string) => {
    for (const [found] of text.matchAll(KEY_SHAPE)) {
      if (secrets.has(found)) violation(`a key is readable in ${where}`);
    }
  };
  for (const { topic, partition, offset, key, value, headers } of oracle.records) {
    const text = `${key} ${JSON.stringify(headers)} ${value === null ? "" : Buffer.from(value).toString("latin1")}`;
    search(`${topic}/${partition}/${offset}`, text);
  }
  for (const line of logLines) search(`the log: ${line.slice(0, 60)}`, line);
  search("the metrics", await cluster.metrics.text());
  for (const job of cluster.warehouse.jobs()) search(`job ${job.jobId}`, JSON.stringify(job));
  for (const [tenantId, { states }] of oracle.tenantStreams) {
    const dataset = states.at(-1)?.tenant_name ?? tenantId;
    for (const table of METADATA_TABLES) {
      search(`${dataset}.${table}`, JSON.stringify(cluster.warehouse.rows({ dataset, table })));
    }
  }
  search(
    PLATFORM_DATASET,
    JSON.stringify(cluster.warehouse.rows({ dataset: PLATFORM_DATASET, table: "tenants" })),
  );
}

/** The dead letters are the poison, all of it and nothing else. */
export function checkDeadLetters(oracle: Oracle, violation: Violation): void {
  const poison = new Map(
    oracle.records
      .filter(({ key, topic }) => key === "poison" && !topic.endsWith(".dlq"))
      .map(({ topic, partition, offset }) => [`${topic}/${partition}/${offset}`, topic]),
  );
  const dead = new Set(oracle.deadLetters.map(({ origin }) => origin));
  for (const origin of poison.keys()) {
    if (!dead.has(origin)) violation(`${origin} is poison, and not among the dead letters`);
  }
  for (const { origin, topic } of oracle.deadLetters) {
    if (!poison.has(origin)) violation(`${topic} holds ${origin}, which is no poison`);
  }
}
