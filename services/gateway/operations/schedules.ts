import type { Schedule, ScheduleState } from "@convergence/contracts";
import { cronProblems, nextSlots } from "@convergence/cron";
import { resolveParameters } from "@convergence/pipeline/parameters.ts";
import type { TemplateName } from "@convergence/pipeline/types.ts";
import { iso } from "@convergence/runtime/iso.ts";
import { requireTenant, type TenantCaller } from "../access.ts";
import { commandMeta } from "../commands.ts";
import type { JsonObject } from "../json.ts";
import { ApiProblem, invalid, invalidField } from "../problem.ts";
import type { Context, RequestHead } from "./context.ts";
import { order } from "./order.ts";
import { CATCH_UP_MS } from "./read-runs.ts";
import { variableProblems } from "./submit-run.ts";
import { findTemplate } from "./templates.ts";

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_VARIABLES_BYTES = 32_768;
const SHOWN_SLOTS = 3;

/** What a client asks for. */
export interface ScheduleRequest extends ScheduleSettings {
  /** Absent: the template's. */
  cron?: string | undefined;
  timezone?: string | undefined;
}

interface ScheduleSettings {
  /** provider/domain/name. */
  template: string;
  variables: JsonObject;
  catch_up: "none" | "last" | "all";
  catch_up_max: number;
  enabled: boolean;
}

/** A schedule as it is shown; times are ISO 8601 in UTC. */
export interface ShownSchedule extends ScheduleSettings {
  cron: string;
  timezone: string;
  name: string;
  updated_at: string;
  next_run_at: string | null;
  next_runs: string[];
  last_slot: string | null;
  last_run_id: string | null;
  last_refusal: string | null;
  last_skipped: { after: string; to: string } | null;
}

/** Sets a schedule. @throws ApiProblem 403, 404 for an unknown template, 409, 422 with every fault; 503 */
export async function putSchedule(
  context: Context,
  caller: TenantCaller,
  { tenantId, name }: { tenantId: string; name: string },
  request: ScheduleRequest,
  head: RequestHead,
): Promise<ShownSchedule> {
  requireTenant(caller, tenantId);
  if (!NAME.test(name)) throw invalidField("name", "1 to 64 letters, digits, _ and -");
  const template = templateOf(request.template);
  const { parameters, strictParameters, schedule: offered } = findTemplate(context.deps.catalogue, template);
  const times = timesOf(request, offered);
  const { now } = context.deps.clock;
  const read = resolveParameters({ parameters, strictParameters }, request.variables, now());
  const problems = [
    ...cronProblems(times),
    ...variablesFaults(request.variables),
    ...("problems" in read ? read.problems : []).map(inVariables),
  ];
  if (problems.length > 0) throw invalid(problems);
  const { catch_up, catch_up_max, enabled } = request;
  const schedule: Schedule = {
    ...{ name, ...times, catch_up, catch_up_max, enabled },
    ...{ provider: template.provider, domain: template.domain, template: template.name },
    parameters: JSON.stringify(request.variables),
  };
  const meta = commandMeta(context.deps, caller.tenantId);
  const outcome = await order(context, { type: "PutSchedule", meta, schedule }, head.trace);
  if (outcome.type !== "ScheduleSet") throw new TypeError(`a PutSchedule led to a ${outcome.type}`);
  return shown(outcome.state, now());
}

/** Ends a schedule; its runs go on. @throws ApiProblem 403, 404, 503 */
export async function deleteSchedule(
  context: Context,
  caller: TenantCaller,
  { tenantId, name }: { tenantId: string; name: string },
  head: RequestHead,
): Promise<void> {
  await readSchedule(context, caller, tenantId, name);
  const meta = commandMeta(context.deps, caller.tenantId);
  await order(context, { type: "DeleteSchedule", meta, name }, head.trace);
}

/** @throws ApiProblem 403, 404 */
export async function readSchedule(
  context: Context,
  caller: TenantCaller,
  tenantId: string,
  name: string,
): Promise<ShownSchedule> {
  requireTenant(caller, tenantId);
  await context.runs.follower.caughtUp(CATCH_UP_MS);
  const state = context.runs.orders.schedule(caller.tenantId, name);
  if (state === undefined) {
    throw new ApiProblem(404, "schedule-not-found", "This tenant has no schedule of this name: list them.");
  }
  return shown(state, context.deps.clock.now());
}

/** A tenant's schedules by name. @throws ApiProblem 403 */
export async function listSchedules(
  context: Context,
  caller: TenantCaller,
  tenantId: string,
): Promise<{ schedules: ShownSchedule[] }> {
  requireTenant(caller, tenantId);
  await context.runs.follower.caughtUp(CATCH_UP_MS);
  const now = context.deps.clock.now();
  return { schedules: context.runs.orders.schedules(caller.tenantId).map((state) => shown(state, now)) };
}

/** What is wrong with variables that are kept for later, whatever the template. */
export function variablesFaults(variables: JsonObject): { field: string; message: string }[] {
  const bytes = Buffer.byteLength(JSON.stringify(variables));
  const size = { field: "variables", message: `${bytes} bytes, more than ${MAX_VARIABLES_BYTES}: send less` };
  return [...variableProblems(variables).map(inVariables), ...(bytes > MAX_VARIABLES_BYTES ? [size] : [])];
}

export function inVariables({ field, message }: { field: string; message: string }) {
  return { field: `variables.${field}`, message };
}

/** A request that gives no cron takes the template's times as they now are. @throws ApiProblem 422 */
function timesOf(
  { cron, timezone }: ScheduleRequest,
  offered: { cron: string; timezone: string } | null,
): { cron: string; timezone: string } {
  if (cron !== undefined) return { cron, timezone: timezone ?? "UTC" };
  if (offered === null) throw invalidField("cron", "is missing, and the template has no schedule: give one");
  return { cron: offered.cron, timezone: timezone ?? offered.timezone };
}

function templateOf(path: string): TemplateName {
  const [provider = "", domain = "", name = "", ...more] = path.split("/");
  if (name === "" || more.length > 0) {
    throw invalidField("template", "give provider/domain/name, as gcp/cost/bill-sample-export-template");
  }
  return { provider, domain, name };
}

function shown(state: ScheduleState, now: number): ShownSchedule {
  const { schedule, done_to, passed_from, passed_to } = state;
  const { name, cron, timezone, catch_up_max, enabled } = schedule;
  const next = enabled ? nextSlots(schedule, Math.max(done_to, now), SHOWN_SLOTS).map((ms) => iso(ms)) : [];
  const variables: JsonObject = JSON.parse(schedule.parameters);
  return {
    ...{ name, template: `${schedule.provider}/${schedule.domain}/${schedule.template}`, variables },
    ...{ cron, timezone, catch_up: catchUpOf(schedule.catch_up), catch_up_max, enabled },
    updated_at: iso(state.set_at),
    next_run_at: next[0] ?? null,
    next_runs: next,
    last_slot: iso(state.last_slot),
    last_run_id: state.last_run_id,
    last_refusal: state.last_refusal,
    last_skipped:
      passed_from === null || passed_to === null ? null : { after: iso(passed_from), to: iso(passed_to) },
  };
}

function catchUpOf(text: string): ScheduleRequest["catch_up"] {
  return text === "last" || text === "all" ? text : "none";
}
