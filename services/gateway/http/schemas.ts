import { z } from "zod";
import { SCOPES } from "../access.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { TENANT_ID } from "../tenant-id.ts";

/** Schemas that several routes share. They check requests and describe the API. */

export const tenantId = z
  .string()
  .regex(TENANT_ID, "3 to 50 letters, digits and underscores")
  .meta({ description: "The customer's id. It names the dataset too.", example: "acmeinc_23xv2" });

export const tenantParams = z.object({
  tenant_id: z.string().meta({ description: "The customer's id.", example: "acmeinc_23xv2" }),
});

const MAX_LIMIT = 200;
const WHOLE = `a whole number from 1 to ${MAX_LIMIT}`;

/** How many a page holds. */
export const limit = z
  .string()
  .regex(/^\d{1,3}$/, WHOLE)
  .transform(Number)
  .refine((n) => n >= 1 && n <= MAX_LIMIT, WHOLE)
  .default(50)
  .meta({ type: "integer", minimum: 1, maximum: MAX_LIMIT, default: 50 });

export const runId = z.string().meta({
  description: "pipeline_logging_id, as the run's start told it.",
  example: "550e8400-e29b-41d4-a716-446655440000",
});

export const time = z.iso.datetime().meta({ example: "2025-11-15T10:00:00.000Z" });

export const scope = z.enum(SCOPES).meta({
  description: "run: start runs. read: see runs, templates, keys and the audit log. admin: manage keys.",
});

export const listedKey = z
  .object({
    key_id: z.string(),
    scopes: z.array(z.string()),
    status: z.enum(["ACTIVE", "EXPIRED", "REVOKED"]),
    created_at: time,
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
  })
  .meta({ id: "ApiKey", description: "A key. Its text is shown once, when it is issued." });

/** A customer, as its owner and operators see it. */
export const customer = z
  .object({
    tenant_id: z.string(),
    state: z.enum(["ONBOARDING", "ACTIVE", "SUSPENDED", "OFFBOARDED"]),
    suspended_at: time.nullable(),
    suspension_reason: z.string().nullable(),
    tier: z.string(),
    created_at: time,
    updated_at: time,
    quota: z.object({
      max_pipelines_per_month: z.int().nullable(),
      max_concurrent_pipelines: z.int().nullable(),
    }),
    usage: z.object({ pipelines_this_month: z.int(), running_pipelines: z.int() }),
    api_keys: z.array(listedKey),
  })
  .meta({ id: "Customer" });

/** A key as it is shown once. */
export const issuedKey = z.object({
  tenant_id: z.string(),
  key_id: z.string(),
  api_key: z.string(),
  scopes: z.array(z.string()),
  expires_at: time.nullable(),
  message: z.string(),
});

/** Any JSON object, kept exactly as it was sent. */
export const jsonObject = z.custom<JsonObject>(isJsonObject, "must be a JSON object");

const runStatus = z.enum(["PENDING", "RUNNING", "COMPLETE", "FAILED", "CANCELLED"]);
const stepStatus = z.enum(["PENDING", "RUNNING", "COMPLETE", "FAILED", "SKIPPED", "CANCELLED"]);

export const step = z
  .object({
    step_name: z.string(),
    step_type: z.string(),
    step_index: z.int().min(0),
    status: stepStatus,
    start_time: time.nullable(),
    end_time: time.nullable(),
    duration_ms: z.int().nullable(),
    rows_processed: z.int().nullable().meta({ description: "Rows that this step wrote or checked." }),
    bytes_processed: z.int().nullable(),
    attempt: z.int().min(1),
    error_message: z.string().nullable(),
  })
  .meta({ id: "Step" });

const summary = {
  pipeline_logging_id: runId,
  pipeline_id: z.string().meta({ example: "acmeinc_23xv2-gcp-cost-bill-sample-export-template" }),
  tenant_id: z.string(),
  status: runStatus,
  trigger_type: z.enum(["api", "scheduler", "backfill", "retry", "onboarding"]),
  trigger_by: z.string(),
  start_time: time,
  end_time: time.nullable(),
  duration_ms: z.int().nullable(),
  parameters: z.record(z.string(), z.unknown()).meta({ description: "Without trigger_by." }),
  error_message: z.string().nullable(),
};

export const runSummary = z.object(summary).meta({ id: "Run" });

/** What asking for a run is answered with. */
export const triggered = z.object({
  pipeline_logging_id: runId,
  pipeline_id: z.string(),
  status: runStatus,
  message: z.string(),
  parameters: z.record(z.string(), z.unknown()).meta({ description: "As sent." }),
});

export const runDetail = z
  .object({
    ...summary,
    config_version: z.string().nullable().meta({ description: "SHA-256 of the template." }),
    steps: z.array(step),
  })
  .meta({ id: "RunDetail" });

export const status = runStatus;

export const problem = z
  .object({
    type: z
      .string()
      .meta({ description: "A stable name of the problem.", example: "/problems/run-not-found" }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: "What to do about it." }),
    request_id: z.string(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: "Problem", description: "RFC 9457." });
