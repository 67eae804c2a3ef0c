import type { PutSchedule, StartBackfill, SubmitRun, Trace } from "@convergence/contracts";
import { decideSubmit, type Refusal, type RunFact, type RunOrigin, type TenantRuns } from "@convergence/run";
import type { PipelineServiceDeps } from "../deps.ts";
import { type Moment, planRun, SUSPENDED, templateMissing } from "./plan.ts";
import type { Tenants } from "./tenants.ts";

/** What a run is decided on, besides the command. */
export interface Admission {
  /** Unix milliseconds. */
  now: number;
  trace: Trace | null;
  origin?: RunOrigin;
  /** As of when its defaults are; the command's time in UTC unless given. */
  moment?: Moment;
}

/** Decides about runs, whoever asks for them: a client, a schedule, a backfill. */
export class Admitting {
  readonly #tenants: Pick<Tenants, "find">;
  readonly #deps: Pick<PipelineServiceDeps, "catalogue" | "project">;

  constructor(tenants: Pick<Tenants, "find">, deps: Pick<PipelineServiceDeps, "catalogue" | "project">) {
    this.#tenants = tenants;
    this.#deps = deps;
  }

  submit(state: TenantRuns, command: SubmitRun, { now, trace, origin, moment }: Admission): RunFact[] {
    const { catalogue, project } = this.#deps;
    const tenant = this.#tenants.find(command.meta.tenant_id);
    const plan = () => planRun(command, tenant, catalogue, project, moment);
    return decideSubmit(state, command, now, plan, trace, origin);
  }

  /** Why runs of this template cannot be planned for later; null where they can. */
  refusalOf({ meta, ...order }: PutSchedule | StartBackfill): Refusal | null {
    const tenant = this.#tenants.find(meta.tenant_id);
    if (tenant === undefined) {
      return refusal(404, "tenant-not-found", "There is no such tenant: onboard it first.");
    }
    if (tenant.lifecycle === "SUSPENDED") return SUSPENDED;
    if (tenant.lifecycle !== "ACTIVE") {
      return refusal(409, "tenant-not-active", "The tenant is not active: finish its onboarding first.");
    }
    const what = order.type === "PutSchedule" ? order.schedule : order.backfill;
    const template = this.#deps.catalogue.find(what.provider, what.domain, what.template);
    if (template === undefined) return templateMissing(what, this.#deps.catalogue);
    const hasDate = template.parameters.some(({ name, type }) => name === "date" && type === "date");
    if (order.type === "PutSchedule" || hasDate) return null;
    return refusal(422, "no-date", "The template has no parameter `date` of type date: a backfill needs it.");
  }
}

function refusal(status: number, reason: string, detail: string): Refusal {
  return { status, reason, detail, problems: [] };
}
