import type { AdminCaller, LocalCaller } from "../access.ts";
import { commandMeta, idempotency, requester } from "../commands.ts";
import { isJsonObject } from "../json.ts";
import { ApiProblem } from "../problem.ts";
import { requireNewTenantId } from "../tenant-id.ts";
import type { Context, RequestHead } from "./context.ts";
import { type KeyAnswer, keyAnswer } from "./key-answer.ts";

export interface OnboardRequest {
  /** As spelled: the dataset's name. */
  tenant_id: string;
  force_recreate_dataset: boolean;
  force_recreate_tables: boolean;
}

/** As the specification prints it. */
export interface Onboarded {
  tenant_id: string;
  api_key: string;
  dataset_created: boolean;
  tables_created: string[];
  dryrun_status: string;
  message: string;
}

/**
 * Onboards a tenant, or finishes an onboarding whose key was never delivered.
 * @throws ApiProblem 403 for force flags without the admin key, 409 for a tenant that is onboarded, 422 for the
 * tenant id, 503 when the bus is away or it is not finished within 120 s.
 */
export async function onboard(
  context: Context,
  caller: AdminCaller | LocalCaller,
  request: OnboardRequest,
  head: RequestHead,
): Promise<KeyAnswer<Onboarded>> {
  const { tenant_id, force_recreate_dataset, force_recreate_tables } = request;
  requireNewTenantId(tenant_id, context.deps.platformDataset);
  if (caller.kind === "local" && (force_recreate_dataset || force_recreate_tables)) {
    throw new ApiProblem(
      403,
      "admin-key-required",
      "Force flags destroy data: send the admin key in the X-Admin-Key header.",
    );
  }
  const granted = await context.replies.ask(
    {
      type: "OnboardTenant",
      meta: commandMeta(context.deps, tenant_id),
      tenant_name: tenant_id,
      force_recreate_dataset,
      force_recreate_tables,
      idempotency: idempotency(head.idempotencyKey, "onboard", request),
      reply_to: context.replies.replyTo,
      by: requester(caller, head.requestId),
    },
    head.trace,
  );
  return keyAnswer(context, tenant_id, granted, ({ text }) => readBody(granted.body, text));
}

/** The answer as the specification prints it, its order too. */
function readBody(text: string, api_key: string): Onboarded {
  const body: unknown = JSON.parse(text);
  if (!isJsonObject(body)) throw new Error("tenant-service answered an onboarding with no object");
  const { tenant_id, dataset_created, tables_created, dryrun_status, message } = body;
  return {
    tenant_id: String(tenant_id),
    api_key,
    dataset_created: dataset_created === true,
    tables_created: Array.isArray(tables_created) ? tables_created.map(String) : [],
    dryrun_status: String(dryrun_status),
    message: String(message),
  };
}
