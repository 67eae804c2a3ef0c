import type { TenantCaller } from "@convergence/gateway/access.ts";
import type { Gateway } from "@convergence/gateway/gateway.ts";
import { storeRuns, type TenantRuns } from "@convergence/run";
import { iso } from "@convergence/runtime/iso.ts";
import type { TenantState } from "@convergence/tenant";
import { PartitionWriter } from "@convergence/writer";
import type { Cluster } from "../cluster/cluster.ts";
import type { Oracle, SeenStream } from "./oracle.ts";
import type { SeenRun } from "./runs.ts";
import { expectSame } from "./snapshots.ts";

type Violation = (what: string) => void;

/** What each owner holds is the counted log folded from the beginning. */
export function checkOwners(oracle: Oracle, cluster: Cluster, violation: Violation): void {
  for (const { dealings, process } of cluster.slots) {
    for (const [name, { lane }] of dealings.lanes) {
      if (!(lane instanceof PartitionWriter)) continue;
      const who = `${process?.name}, ${name}`;
      if (name.startsWith("pipeline-service")) checkRunStreams(who, lane, oracle.runStreams, violation);
      else checkTenantStreams(who, lane, oracle.tenantStreams, violation);
    }
  }
}

interface Streams {
  readonly streams: ReadonlyMap<string, { state: unknown; version: number }>;
}

function checkRunStreams(
  who: string,
  { streams }: Streams,
  seen: Map<string, SeenStream<TenantRuns>>,
  violation: Violation,
): void {
  for (const [tenantId, stream] of streams) {
    const states = seen.get(tenantId)?.states ?? [];
    const last = states.at(-1);
    const wanted = last === undefined ? null : storeRuns(last);
    const found = isRuns(stream.state) ? storeRuns(stream.state) : null;
    const name = `${who}: runs of ${tenantId}`;
    expectSame(`version of ${name}`, states.length - 1, stream.version, violation);
    expectSame(name, wanted, found, violation);
  }
}

function isRuns(state: unknown): state is TenantRuns {
  return typeof state === "object" && state !== null && "recentKeys" in state;
}

function checkTenantStreams(
  who: string,
  { streams }: Streams,
  seen: Map<string, SeenStream<TenantState>>,
  violation: Violation,
): void {
  for (const [tenantId, stream] of streams) {
    const states = seen.get(tenantId)?.states ?? [];
    const name = `${who}: tenant ${tenantId}`;
    expectSame(`version of ${name}`, states.length - 1, stream.version, violation);
    expectSame(name, states.at(-1) ?? null, stream.state, violation);
  }
}

/** Every gateway shows every run as the counted log tells it, to its tenant alone. */
export async function checkGateways(oracle: Oracle, cluster: Cluster, violation: Violation): Promise<void> {
  for (const { gateway, process } of cluster.slots) {
    if (gateway === undefined) continue;
    for (const [runId, run] of oracle.runs.byId) {
      await checkRun(`${process?.name}: run ${runId}`, gateway, runId, run, violation);
    }
    for (const tenantId of oracle.tenantStreams.keys()) {
      await checkList(`${process?.name}: runs of ${tenantId}`, gateway, tenantId, oracle, violation);
    }
  }
}

async function checkRun(
  what: string,
  gateway: Gateway,
  runId: string,
  run: SeenRun,
  violation: Violation,
): Promise<void> {
  const { head } = run;
  const shown = await gateway.run(callerOf(run.tenantId, head.tenant_name), runId, 0);
  const { status, start_time, end_time, error_message, trigger_type, config_version, steps } = shown;
  const found = { status, start_time, end_time, error_message, trigger_type, config_version, steps };
  const wanted = {
    status: run.status,
    start_time: iso(head.accepted_at),
    end_time: iso(run.finishedAt),
    error_message: run.error,
    trigger_type: head.trigger_type,
    config_version: head.config_version,
    steps: run.steps.map((step, index) => ({
      step_name: step.id,
      step_type: step.type,
      step_index: index,
      status: step.status,
      start_time: iso(step.startedAt),
      end_time: iso(step.finishedAt),
      duration_ms:
        step.finishedAt === null || step.startedAt === null ? null : step.finishedAt - step.startedAt,
      rows_processed: step.rows,
      bytes_processed: steps[index]?.bytes_processed ?? null,
      attempt: step.attempt,
      error_message: step.error,
    })),
  };
  expectSame(what, wanted, found, violation);
}

/** Runs that were asked for and refused late are listed too: as FAILED. */
async function checkList(
  what: string,
  gateway: Gateway,
  tenantId: string,
  oracle: Oracle,
  violation: Violation,
): Promise<void> {
  const { runs } = await gateway.runs(callerOf(tenantId, tenantId), {}, { limit: 1_000, cursor: null });
  const wanted = [...oracle.runs.byId].filter(([, run]) => run.tenantId === tenantId).map(([id]) => id);
  const found = runs.map(({ pipeline_logging_id }) => pipeline_logging_id);
  const accepted = found.filter((id) => oracle.runs.byId.has(id));
  expectSame(what, wanted.sort(), accepted.sort(), violation);
  for (const run of runs) {
    const known = oracle.runs.byId.has(run.pipeline_logging_id);
    if (!known && run.status !== "FAILED") {
      violation(`${what}: ${run.pipeline_logging_id}, which was never accepted, is shown as ${run.status}`);
    }
  }
}

export function callerOf(tenantId: string, tenantName: string): TenantCaller {
  return { kind: "tenant", tenantId, tenantName, keyId: "oracle", scopes: ["run", "read"] };
}
