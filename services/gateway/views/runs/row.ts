import type { RunStatus, StepStatus, TriggerType } from "@convergence/contracts";
import type { TemplateName } from "@convergence/pipeline/types.ts";

/** A run as the view holds it. Times are Unix milliseconds. */
export interface RunRow {
  /** In lower case. */
  tenantId: string;
  runId: string;
  /**
   * - asked: a command, without an outcome yet.
   * - accepted: a run.
   * - rejected: a command that came to nothing.
   * - unseen: its rejection was read before the command; not shown.
   */
  kind: "asked" | "accepted" | "rejected" | "unseen";
  /** Shown in lists: all but a command that was refused at once, of which the client was told so. */
  listed: boolean;
  pipelineId: string;
  status: RunStatus;
  triggerType: TriggerType;
  triggerBy: string;
  startTime: number;
  endTime: number | null;
  /** JSON object. */
  parameters: string;
  errorMessage: string | null;
  configVersion: string | null;
  /** Whose run it is: where a retry begins. Absent in rows of an earlier release, and before acceptance. */
  template?: TemplateName;
  /** Counts the run's events; 0 before its acceptance. */
  version: number;
  steps: StepRow[];
}

export interface StepRow {
  name: string;
  type: string;
  status: StepStatus;
  attempt: number;
  startTime: number | null;
  endTime: number | null;
  rows: number | null;
  bytes: number | null;
  errorMessage: string | null;
  /** The run that did it already. */
  doneBy?: string;
}

/** True once the run will not change any more. */
export function isOver(row: RunRow): boolean {
  return row.status !== "PENDING" && row.status !== "RUNNING";
}
