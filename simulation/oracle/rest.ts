import { dueActs } from "@convergence/tenant";
import type { Clients } from "../clients/clients.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Oracle } from "./oracle.ts";
import { isOver } from "./runs.ts";

const GROUPS = [
  { group: "pipeline-service", inputs: ["run.commands", "step.results"] },
  { group: "tenant-service", inputs: ["tenant.commands"] },
];

/** Why the system does not rest; empty when it does. */
export function unrest(oracle: Oracle, cluster: Cluster, clients: Clients, partitions: number): string[] {
  const why: string[] = [];
  if (clients.busy > 0) why.push(`${clients.busy} clients wait`);
  for (const slot of cluster.slots) {
    if (slot.service === undefined || slot.process?.running !== true) why.push(`${slot.name} is not up`);
    const { taken } = slot.dealings;
    if (taken.size > 0) why.push(`${slot.process?.name} has ${taken.size} records of a queue in hand`);
    const outbox = slot.files?.outbox.prepare("SELECT count(*) AS n FROM delivered_keys").get()?.n;
    if (outbox !== undefined && outbox !== 0) why.push(`${slot.name} has ${outbox} deliveries to tell`);
  }
  for (const { group, inputs } of GROUPS) {
    for (let partition = 0; partition < partitions; partition++) {
      why.push(...unrestOfLane(oracle, cluster, `${group}/${partition}`, inputs));
    }
  }
  for (const [id, { type, outcomes }] of oracle.commands) {
    if (outcomes.length === 0) why.push(`${type} ${id} has no outcome`);
  }
  for (const [id, run] of oracle.runs.byId) {
    if (!isOver(run.status)) why.push(`run ${id} of ${run.tenantId} is ${run.status}`);
  }
  why.push(...oracle.planned.waiting());
  for (const [id, { states }] of oracle.tenantStreams) {
    const state = states.at(-1) ?? null;
    for (const act of state === null ? [] : dueActs(state)) why.push(`tenant ${id} waits for: ${act.do}`);
  }
  return why;
}

/** A lane has one living owner, which has handled all inputs. */
function unrestOfLane(oracle: Oracle, cluster: Cluster, lane: string, inputs: string[]): string[] {
  const owners = cluster.slots.flatMap(({ process, dealings }) => {
    const owner = dealings.lanes.get(lane)?.owner;
    return process?.running === true && owner !== undefined ? [owner] : [];
  });
  const [owner] = owners;
  if (owner === undefined || owners.length > 1) return [`lane ${lane} has ${owners.length} owners`];
  if (owner.unhandled > 0) return [`lane ${lane} has ${owner.unhandled} inputs in hand`];
  return inputs
    .filter((topic) => owner.inputPosition(topic) < oracle.end(topic, owner.partition))
    .map((topic) => `lane ${lane} has not read ${topic} to its end`);
}
