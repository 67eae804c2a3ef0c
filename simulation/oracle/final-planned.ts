import type { Gateway } from "@convergence/gateway/gateway.ts";
import { iso } from "@convergence/runtime/iso.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { callerOf } from "./final-views.ts";
import type { Oracle } from "./oracle.ts";
import { expectSame } from "./snapshots.ts";

type Violation = (what: string) => void;

/** Every gateway shows each tenant's schedules and backfills as the counted log tells them. */
export async function checkPlanned(oracle: Oracle, cluster: Cluster, violation: Violation): Promise<void> {
  for (const { gateway, process } of cluster.slots) {
    if (gateway === undefined) continue;
    for (const [tenantId, { states }] of oracle.runStreams) {
      const { schedules } = await gateway.schedules(callerOf(tenantId, tenantId), tenantId);
      const known = [...(states.at(-1)?.schedules.values() ?? [])].map((state) => ({
        name: state.schedule.name,
        last_slot: iso(state.last_slot),
        last_run_id: state.last_run_id,
        last_refusal: state.last_refusal,
      }));
      const found = schedules.map(({ name, last_slot, last_run_id, last_refusal }) => {
        return { name, last_slot, last_run_id, last_refusal };
      });
      const wanted = known.sort((a, b) => (a.name < b.name ? -1 : 1));
      expectSame(`${process?.name}: schedules of ${tenantId}`, wanted, found, violation);
    }
    await checkBackfills(process?.name ?? "", gateway, oracle, violation);
  }
}

async function checkBackfills(
  who: string,
  gateway: Gateway,
  oracle: Oracle,
  violation: Violation,
): Promise<void> {
  for (const [id, { tenantId, begun }] of oracle.planned.backfills) {
    const shown = await gateway.backfill(callerOf(tenantId, tenantId), id);
    const count = (status: string) =>
      [...begun.values()].filter((run) => run !== null && oracle.runs.byId.get(run)?.status === status)
        .length;
    const wanted = {
      total: shown.dates.total,
      waiting: shown.dates.total - begun.size,
      open: 0,
      complete: count("COMPLETE"),
      failed: count("FAILED"),
      cancelled: count("CANCELLED"),
      refused: [...begun.values()].filter((run) => run === null).length,
    };
    expectSame(`${who}: backfill ${id}`, wanted, shown.dates, violation);
    if (shown.end_time === null) violation(`${who}: backfill ${id} is over and is shown as ${shown.status}`);
  }
}
