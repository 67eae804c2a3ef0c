import type { Context } from "./operations/context.ts";
import type { ViewState } from "./views/follower.ts";

const BUS_MS = 1_000;

/** How the gateway is. */
export interface Health {
  /** ok: all is well. degraded: it serves what it can. unavailable: it cannot serve yet. */
  status: "ok" | "degraded" | "unavailable";
  checks: Record<"bus" | "keys" | "tenants" | "runs" | "replies", "ok" | "unreachable" | ViewState>;
}

/** Asks the bus, and what state the views are in. */
export async function readHealth(context: Context): Promise<Health> {
  const { keys, tenants, runs, replies } = context;
  const state = (part: { follower: { state: ViewState } }) =>
    part.follower.state === "current" ? "ok" : part.follower.state;
  const checks: Health["checks"] = {
    bus: (await busAnswers(context)) ? "ok" : "unreachable",
    keys: state(keys),
    tenants: state(tenants),
    runs: state(runs),
    replies: state(replies),
  };
  const found = Object.values(checks);
  if (found.includes("starting")) return { status: "unavailable", checks };
  return { status: found.every((check) => check === "ok") ? "ok" : "degraded", checks };
}

function busAnswers({ deps: { bus, clock } }: Context): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.after(BUS_MS, () => resolve(false));
    bus
      .ends("run.commands")
      .then(
        () => resolve(true),
        () => resolve(false),
      )
      .finally(() => timer.clear());
  });
}
