import { type DryRun, type DryRunStep, dryRun, type Problem } from "@convergence/pipeline";
import { systemClock } from "@convergence/runtime";
import { bigQueryWarehouse, type Warehouse } from "@convergence/warehouse";
import { bytesOf, type Estimate, estimate } from "../estimate.ts";
import { bodyOf, only, parsed, templateName, variablesOf } from "./arguments.ts";
import { templateOf } from "./catalogue.ts";
import { withChecksQueries } from "./checks-query.ts";
import { type Command, CommandError, type World } from "./command.ts";
import { bigQueryUrl, tenantOf } from "./endpoints.ts";
import { planText } from "./plan-text.ts";

/** Stands in a plan where no tenant is named. */
const SOME_TENANT = "example_tenant";

const HELP = `usage: npm run convergence -- plan PROVIDER/DOMAIN/TEMPLATE [--tenant ID] [--var NAME=VALUE ...] [--json]

Prints what a run would do: parameters, steps in their order, compiled SQL with its parameters, and how many bytes it
would read. Nothing is run or written. The template is read from CONVERGENCE_CONFIGS_DIR (configs).

  --tenant ID        whose run; else the tenant of CONVERGENCE_API_KEY, else ${SOME_TENANT}
  --var NAME=VALUE   a variable, as in a run's body; once for each
  --json             prints the plan as the API's .../validate does

Bytes are estimated by a dry run of the BigQuery at BIGQUERY_ENDPOINT, else of what npm start serves.
Exit codes: 0 it can be run; 1 the template, a variable or a query has faults; 2 not understood, or no such template.`;

export const plan: Command = {
  summary: "shows what a run would do: steps, SQL, parameters, bytes; no effect",
  help: HELP,
  async run(args, world) {
    const { values, positionals } = parsed(args, {
      tenant: { type: "string" },
      var: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
    });
    const { config } = world;
    const name = templateName(only(positionals, "template"));
    const variables = variablesOf(values.var);
    const tenant = tenantOf(values.tenant, config);
    const template = await templateOf(config.CONVERGENCE_CONFIGS_DIR, name);
    const now = systemClock.now();
    const resolved = dryRun(template, {
      tenantId: tenant ?? SOME_TENANT,
      project: config.GCP_PROJECT_ID,
      body: bodyOf(variables, template.parameters),
      now,
    });
    if ("problems" in resolved) throw unfit(resolved.problems);
    const warehouse = tenant === undefined ? null : warehouseOf(world);
    const run =
      warehouse === null || tenant === undefined
        ? resolved.ok
        : await withChecksQueries(resolved.ok, resolved.resolved, tenant, warehouse, now);
    const estimates = await estimatesOf(run, warehouse, world);
    if (values.json) world.print(JSON.stringify(planJson(run, estimates), null, 2));
    else for (const line of planText(run, estimates)) world.print(line);
    return [...estimates.values()].some((one) => "refused" in one) ? 1 : 0;
  },
};

function unfit(problems: readonly Problem[]): CommandError {
  const named = problems.map(({ field, message }) => `${field} ${message}`).join("; ");
  return new CommandError(
    `the variables do not fit the template: ${named}`,
    "Give each with --var NAME=VALUE.",
  );
}

function warehouseOf({ config }: World): Warehouse {
  const { GCP_PROJECT_ID: project, BIGQUERY_LOCATION: location } = config;
  return bigQueryWarehouse({ project, location, endpoint: bigQueryUrl(config) });
}

/** By step. BigQuery is asked in turn, and not again once it was not there. */
async function estimatesOf(
  { steps }: DryRun,
  asked: Warehouse | null,
  { config, note }: World,
): Promise<Map<DryRunStep, Estimate>> {
  const { GCP_PROJECT_ID: project } = config;
  let warehouse = asked;
  if (warehouse === null) note(`No tenant is named, so no bytes are estimated: give --tenant ID.`);
  const estimates = new Map<DryRunStep, Estimate>();
  for (const step of steps) {
    if (step.query === null) continue;
    const made = await estimate(step.query, project, warehouse);
    estimates.set(step, made);
    if (warehouse === null || !("unknown" in made) || !made.unreachable) continue;
    note(
      `BigQuery is not reachable at ${bigQueryUrl(config)}, so no bytes are estimated: start it (npm start).`,
    );
    warehouse = null;
  }
  return estimates;
}

function planJson(run: DryRun, estimates: ReadonlyMap<DryRunStep, Estimate>): object {
  const steps = run.steps.map((step) => ({ ...step, ...bytesOf(estimates.get(step)) }));
  return { ...run, steps };
}
