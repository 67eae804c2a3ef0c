import type { BusRecord } from "@convergence/bus/port.ts";
import { z } from "zod";
import type { Exchange, Operation } from "../history.ts";
import type { FaultKind } from "../nemesis/plan.ts";

/** All that the checker judges: collected once the system is quiet. */
export interface Evidence {
  operations: readonly Operation[];
  /** Every record of the topics in LOG_TOPICS and of their dead letters, each partition in order. */
  log: readonly BusRecord[];
  poison: readonly Poison[];
  views: readonly View[];
  warehouse: readonly TenantTables[];
  keys: readonly KeyAnswer[];
  outages: readonly Outage[];
  strikes: readonly Strike[];
  /** The faults that were planned, by kind. */
  planned: Readonly<Partial<Record<FaultKind, number>>>;
}

/** The topics that the checker reads. */
export const LOG_TOPICS = [
  "tenant.commands",
  "tenant.events",
  "run.commands",
  "run.events",
  "step.tasks",
  "step.results",
] as const;

/** Bytes that no schema reads, and where they were put. */
export interface Poison {
  topic: string;
  partition: number;
  offset: number;
  /** Hexadecimal. */
  value: string;
}

const step = z.object({
  step_name: z.string(),
  step_index: z.number(),
  status: z.string(),
  start_time: z.string().nullable(),
  end_time: z.string().nullable(),
  rows_processed: z.number().nullable(),
  attempt: z.number(),
  error_message: z.string().nullable(),
});

/** A run as a gateway shows it; what is compared. */
export const shownRun = z.object({
  pipeline_logging_id: z.string(),
  tenant_id: z.string(),
  pipeline_id: z.string(),
  status: z.string(),
  trigger_type: z.string(),
  start_time: z.string(),
  end_time: z.string().nullable(),
  error_message: z.string().nullable(),
  config_version: z.string().nullable(),
  steps: z.array(step),
});
export type ShownRun = z.output<typeof shownRun>;

/** All runs that a gateway lists. */
export interface View {
  gateway: string;
  runs: readonly ShownRun[];
}

/** A row of pipeline_runs; times in Unix milliseconds. */
export const runRow = z.object({
  pipeline_logging_id: z.string(),
  tenant_id: z.string(),
  pipeline_id: z.string(),
  status: z.string(),
  trigger_type: z.string(),
  start_ms: z.number(),
  end_ms: z.number().nullable(),
  duration_ms: z.number().nullable(),
  error_message: z.string().nullable(),
  config_version: z.string().nullable(),
  worker_instance: z.string().nullable(),
  run_version: z.number(),
});
export type RunRow = z.output<typeof runRow>;

/** A row of step_logs; times in Unix milliseconds. */
export const stepRow = z.object({
  step_logging_id: z.string(),
  pipeline_logging_id: z.string(),
  step_name: z.string(),
  step_index: z.number(),
  status: z.string(),
  start_ms: z.number(),
  end_ms: z.number().nullable(),
  rows_processed: z.number().nullable(),
  attempt: z.number(),
  error_message: z.string().nullable(),
  step_version: z.number(),
});
export type StepRow = z.output<typeof stepRow>;

/** How many rows a step of the load wrote. */
export const effectRow = z.object({ run_id: z.string(), step: z.string(), n: z.number() });
export type EffectRow = z.output<typeof effectRow>;

export interface TenantTables {
  tenant: string;
  runs: readonly RunRow[];
  steps: readonly StepRow[];
  effects: readonly EffectRow[];
}

/** What a gateway says to a key at the end. */
export interface KeyAnswer {
  gateway: string;
  tenant: string;
  keyId: string;
  /** As the clients know it. */
  inForce: boolean;
  status: number;
}

/** What gateways answered between the broker's stop and its start. */
export interface Outage {
  writes: Exchange[];
  reads: Exchange[];
}

/** A fault that struck, with what shows that it did. */
export interface Strike {
  kind: FaultKind;
  what: string;
  at: number;
  ms: number;
  evidence: string;
}
