import type { TenantCaller } from "@convergence/gateway/access.ts";
import type { Gateway } from "@convergence/gateway/gateway.ts";
import { ApiProblem } from "@convergence/gateway/problem.ts";
import { DOMAIN, PROVIDER } from "../cluster/materials.ts";
import type { Command } from "../plan/plan.ts";
import type { Customer } from "./customer.ts";

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;
type Head = { idempotencyKey: string | null; requestId: null; trace: null };

/** What clients ask for that is to be run later. Each call is one attempt. */
export async function askForLater(
  gateway: Gateway,
  caller: TenantCaller,
  customer: Customer,
  command: Of<"schedule" | "unschedule" | "backfill" | "cancel backfill">,
  head: Head,
): Promise<string | null> {
  const tenantId = customer.name;
  switch (command.kind) {
    case "schedule": {
      const { name, template, cron, timezone } = command;
      const settings = {
        catch_up: "last" as const,
        catch_up_max: 10,
        enabled: true,
        variables: command.body,
      };
      const request = { template: `${PROVIDER}/${DOMAIN}/${template}`, cron, timezone, ...settings };
      const shown = await gateway.putSchedule(caller, { tenantId, name }, request, head);
      return shown.name === name && shown.cron === cron ? null : `${name} is answered as ${shown.name}`;
    }
    case "unschedule":
      await gateway.deleteSchedule(caller, { tenantId, name: command.name }, head);
      return null;
    case "backfill": {
      const { from, to, max, template: name } = command;
      const path = { tenantId, provider: PROVIDER, domain: DOMAIN, name };
      const request = { from, to, variables: {}, max_concurrent: max, trigger_by: "client" };
      const { backfill_id } = await gateway.startBackfill(caller, path, request, head);
      return customer.began(command.idempotencyKey, JSON.stringify(command.template), backfill_id);
    }
    case "cancel backfill": {
      const id = customer.backfills.at(-1);
      if (id === undefined) throw new ApiProblem(404, "none-yet", "");
      const { status } = await gateway.cancelBackfill(caller, id, head);
      return status === "RUNNING" ? `the cancelled backfill ${id} is ${status}` : null;
    }
  }
}
