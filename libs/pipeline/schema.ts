/** The shape of a template file, in both its forms. Faults that a shape cannot show are found in check.ts. */
import { z } from "zod";
import { sourceSchema } from "./step-types/bigquery-query.ts";
import { destinationSchema } from "./step-types/destination.ts";
import { STEP_TYPES } from "./step-types/index.ts";
import { STEP_ID, type StepType } from "./step-types/step-type.ts";
import { PARAMETER_TYPES } from "./types.ts";

const PARAMETER_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/;
/** BigQuery ends a job after six hours at the latest. */
const MAX_TIMEOUT_MINUTES = 360;

const timeout = z
  .int()
  .min(1, "must be at least 1 minute")
  .max(MAX_TIMEOUT_MINUTES, `must be at most ${MAX_TIMEOUT_MINUTES} minutes: BigQuery's own limit`)
  .describe("Minutes after which a step's job is ended");

const parameter = z
  .strictObject({
    type: z.enum(PARAMETER_TYPES),
    default: z
      .union([z.string(), z.number(), z.boolean()])
      .optional()
      .describe("Taken when the request gives none; for a date also today or yesterday (UTC)"),
    required: z.boolean().optional(),
    description: z.string().optional(),
  })
  .describe("A declared variable");

const concurrency = z
  .strictObject({
    key: z
      .string()
      .min(1, "must not be empty")
      .optional()
      .describe("Runs of the same key count together; the pipeline's id unless given"),
    limit: z.int().min(1, "must be at least 1").max(1_000, "must be at most 1000").describe("Runs at once"),
    policy: z
      .enum(["queue", "skip"])
      .optional()
      .describe("Whether a run beyond the limit waits as PENDING (the default), or is refused with 409"),
  })
  .describe("How many runs of a tenant may be under way at once");

const schedule = z
  .strictObject({
    cron: z.string().describe("Five fields: minute, hour, day of month, month, day of week"),
    timezone: z.string().optional().describe("IANA name: UTC unless given"),
  })
  .describe("The times that a tenant's schedule of this template has unless it gives its own");

const top = {
  pipeline_id: z.string().min(1, "must not be empty").optional().describe('Usually "{pipeline_id}"'),
  description: z.string().optional(),
  parameters: z
    .record(
      z
        .string()
        .regex(PARAMETER_NAME, "a parameter's name holds letters, digits and _, and begins with no digit"),
      parameter,
    )
    .optional()
    .describe("The variables of this template, by name"),
  strict_parameters: z.boolean().optional().describe("Refuse variables that are not declared"),
  timeout_minutes: timeout.optional(),
  concurrency: concurrency.optional(),
  schedule: schedule.optional(),
};

const MAX_PAUSE_SECONDS = 3_600;

const pause = z
  .int()
  .min(1, "must be at least 1 second")
  .max(MAX_PAUSE_SECONDS, `must be at most ${MAX_PAUSE_SECONDS} seconds`);

const retry = z
  .strictObject({
    attempts: z.int().min(1, "must be at least 1").max(10, "must be at most 10").describe("Tries in all"),
    backoff: z
      .enum(["exponential", "fixed"])
      .optional()
      .describe("Whether each pause is twice the one before (the default), or all are the same"),
    pause_seconds: pause.optional().describe("Before the second try: 1 unless given"),
    max_pause_seconds: pause.optional().describe("No pause is longer: 60 unless given"),
  })
  .describe("How a failure that may pass is tried again");

const stepHead = {
  step_id: z
    .string()
    .regex(STEP_ID, "holds letters, digits, _ and -, at most 64")
    .describe("Unique in the template"),
  description: z.string().optional(),
  depends_on: z
    .array(z.string())
    .optional()
    .describe("Steps that must be COMPLETE before; where no step has it, they run in the order written"),
  on_failure: z
    .enum(["stop", "continue", "alert"])
    .optional()
    .describe("What happens to the run when this step fails; alert: it goes on, and operators are told"),
  retry: retry.optional(),
  timeout_minutes: timeout.optional(),
};

/** The short form: one step, its source and destination at the top of the file. */
export const shortForm = z.strictObject({ ...top, source: sourceSchema, destination: destinationSchema });

/** The full form, its steps unread. */
export const fullForm = z.strictObject({
  ...top,
  steps: z.array(z.unknown()).min(1, "must have at least one step"),
});

/** The fields that every step has. */
export const headOfStep = z.object(stepHead);

/** A whole step of one type. */
export function stepSchema(type: StepType) {
  return z.strictObject({ ...stepHead, type: z.enum([type.name, ...type.earlierNames]), ...type.fields });
}

/** A template file as a whole, for editors. */
export const templateFile = z.union([
  shortForm,
  fullForm.extend({ steps: z.array(z.union(STEP_TYPES.map(stepSchema))).min(1) }),
]);

export type TemplateHead = z.output<z.ZodObject<typeof top>>;
export type StepHead = z.output<typeof headOfStep>;
