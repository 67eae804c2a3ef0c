import type { DryRun, DryRunStep } from "@convergence/pipeline";
import type { Estimate } from "../estimate.ts";

/** A dry run as lines for people. */
export function planText(run: DryRun, estimates: ReadonlyMap<DryRunStep, Estimate>): string[] {
  const { provider, domain, name, config_version, pipeline_id, description, parameters, steps } = run;
  const given = Object.entries(parameters).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return [
    `${provider}/${domain}/${name} (version ${config_version.slice(0, 12)})`,
    `pipeline_id  ${pipeline_id}`,
    ...(description === "" ? [] : [`description  ${description}`]),
    `parameters   ${given.length === 0 ? "none" : given.join(", ")}`,
    ...steps.flatMap((step) => ["", ...stepText(step, steps.length, estimates.get(step))]),
    "",
    total(estimates),
  ];
}

function stepText(step: DryRunStep, count: number, made: Estimate | undefined): string[] {
  const { step_name, step_type, step_index, stage, depends_on, on_failure, timeout_minutes, retry } = step;
  const about = [
    `stage ${stage}`,
    ...(depends_on.length === 0 ? [] : [`after ${depends_on.join(", ")}`]),
    `on_failure ${on_failure}`,
    ...(timeout_minutes === null ? [] : [`timeout ${timeout_minutes} min`]),
    ...(retry === null ? [] : [`retry ${shown(retry)}`]),
  ];
  return [
    `step ${step_index + 1} of ${count}: ${step_name} (${step_type}), ${about.join(", ")}`,
    ...queryText(step),
    ...Object.entries(step.settings).flatMap(([key, value]) =>
      value === null ? [] : [`  ${key}: ${shown(value)}`],
    ),
    ...(made === undefined ? [] : [`  bytes: ${estimateText(made)}`]),
  ];
}

function queryText({ query }: DryRunStep): string[] {
  if (query === null) return [];
  const sql = query.sql.trimEnd().split("\n");
  return [
    ...sql.map((line) => `    ${line}`),
    ...query.parameters.map(({ name, type, value }) => `    @${name} ${type} = ${JSON.stringify(value)}`),
    `  in dataset: ${query.default_dataset}`,
  ];
}

/** A map as `a x, b y`, without what is not set. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value)
    .filter(([, member]) => member !== null)
    .map(([key, member]) => `${key} ${shown(member)}`)
    .join(", ");
}

function estimateText(made: Estimate): string {
  if ("bytes" in made) return made.bytes.toLocaleString("en");
  if ("refused" in made) return `none: ${made.refused}. Here ${made.reason}`;
  return made.unreachable ? "not estimated" : `not estimated: ${made.unknown}`;
}

function total(estimates: ReadonlyMap<DryRunStep, Estimate>): string {
  const all = [...estimates.values()];
  const sum = all.reduce((bytes, one) => bytes + ("bytes" in one ? one.bytes : 0), 0);
  const known = all.filter((one) => "bytes" in one).length;
  if (all.length === 0) return "It reads nothing.";
  if (known === 0) return "Bytes are not estimated.";
  return `It reads ${sum.toLocaleString("en")} bytes${known < all.length ? `, without ${all.length - known} of ${all.length} queries` : ""}.`;
}
