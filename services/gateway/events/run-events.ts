/** A run's progress as a client reads it: server-sent events, `id` the run's version. */
import { runDetail, runStep, runTimes } from "../operations/run-shapes.ts";
import type { RunChange } from "../views/runs/changes.ts";
import type { RunRow } from "../views/runs/row.ts";

/** An event of a stream: its text, and the version that a client then has. */
export interface SentEvent {
  version: number;
  text: string;
}

/** The whole run, for a client that has nothing, or too old a state to go on from. */
export function snapshotEvent(row: RunRow, version: number, tenantName: string): SentEvent {
  return event("snapshot", version, { version, ...runDetail(row, tenantName) });
}

export function changeEvent(change: RunChange): SentEvent {
  const { version } = change;
  if (change.kind === "run") {
    const { status, errorMessage } = change.run;
    return event("run", version, { version, status, ...runTimes(change.run), error_message: errorMessage });
  }
  const { runStatus, step, index } = change;
  return event("step", version, { version, run_status: runStatus, ...runStep(step, index) });
}

/** JSON text has no line breaks, so an event's data is one line. */
function event(name: string, version: number, data: object): SentEvent {
  return { version, text: `event: ${name}\nid: ${version}\ndata: ${JSON.stringify(data)}\n\n` };
}
