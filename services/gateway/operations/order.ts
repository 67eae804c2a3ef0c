import type { RunCommandsMessage, Trace } from "@convergence/contracts";
import { send } from "../commands.ts";
import { ApiProblem, unavailable } from "../problem.ts";
import { OUTCOME_MS } from "../views/runs/fold.ts";
import type { OrderOutcome } from "../views/runs/view.ts";
import type { Context } from "./context.ts";

/**
 * Sends a command about schedules or backfills and waits for its outcome.
 * @throws ApiProblem as decided; 503 when the bus is away, or without an outcome within 2 s.
 */
export async function order(
  context: Context,
  command: Exclude<RunCommandsMessage, { type: "SubmitRun" }>,
  trace: Trace | null,
): Promise<OrderOutcome> {
  const waiting = context.runs.orderOutcomes.wait(command.meta.command_id, OUTCOME_MS);
  await send(context.deps.bus, command, trace);
  const outcome = await waiting;
  if (outcome === undefined) {
    throw unavailable(
      "no-outcome-yet",
      "Nothing has decided about this yet: repeat the request to hear of it.",
    );
  }
  if (outcome.type !== "OrderRejected") return outcome;
  const { status, reason, detail, problems } = outcome;
  throw new ApiProblem(status, reason, detail, { errors: problems });
}
