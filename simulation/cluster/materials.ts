import { readFileSync } from "node:fs";
import path from "node:path";
import { type Catalogue, loadTableShapes, parseTemplate, type Template } from "@convergence/pipeline";
import type { MemoryWarehouseOptions } from "@convergence/warehouse/memory/warehouse.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");

/** Shapes of the platform's own tables, as production has them. */
export const TABLE_SHAPES: Record<string, Awaited<ReturnType<typeof loadTableShapes>>["tenants"]> =
  await loadTableShapes(path.join(ROOT, "configs/metadata/schemas"));

const NOOP = "{ type: noop, step_id: %, on_failure: stop }";

/** The pipelines that clients run, beside the onboarding's own. A query over `missing` fails. */
const TEXTS: Record<string, string> = {
  noop: `steps: [${NOOP.replace("%", "a")}, ${NOOP.replace("%", "b")}]`,
  append: steps(append("a", "facts"), "  - { step_id: b, type: noop }"),
  append2: steps(append("a", "facts"), append("b", "facts"), append("c", "more")),
  overwrite: steps(query("a", "SELECT 1 AS one", "latest", "overwrite"), "  - { step_id: b, type: noop }"),
  carry_on: steps(
    append("a", "facts"),
    query("b", "SELECT * FROM missing", "never", "append", "continue"),
    append("c", "facts"),
  ),
  stop: steps(
    query("a", "SELECT * FROM missing", "never", "append"),
    append("b", "facts"),
    "  - { step_id: c, type: noop }",
  ),
  // Two branches that join; a side branch that fails leaves its own steps behind, and no others.
  graph: steps(
    append("a", "facts"),
    append("b", "more"),
    dependent(append("c", "facts"), "a, b"),
    dependent(query("d", "SELECT * FROM missing", "never", "append", "continue"), "a"),
    dependent(append("e", "facts"), "d"),
    "  - { step_id: f, type: noop, depends_on: [c] }",
  ),
  // The branch that fails stops the run; what began beside it is let finish.
  graph_stop: steps(
    query("a", "SELECT * FROM missing", "never", "append"),
    append("b", "facts"),
    dependent(append("c", "facts"), "b"),
    dependent(append("d", "facts"), "a"),
  ),
  // One at a time; the others wait, or are refused.
  narrow: `concurrency: { limit: 1 }\n${steps(append("a", "facts"), append("b", "facts"))}`,
  narrow_skip: `concurrency: { key: only, limit: 1, policy: skip }\n${steps(append("a", "facts"))}`,
  dated: `parameters: { date: { type: date } }\n${steps(
    query("a", "SELECT '{date}' AS day", "by_day_{date}", "append"),
  )}`,
};

function steps(...lines: string[]): string {
  return `steps:\n${lines.join("\n")}\n`;
}

/** The same step, behind others. */
function dependent(step: string, on: string): string {
  return `${step}\n    depends_on: [${on}]`;
}

function append(id: string, table: string): string {
  return query(id, "SELECT 1 AS one", table, "append");
}

function query(id: string, sql: string, table: string, write: string, onFailure = "stop"): string {
  return [
    `  - step_id: ${id}`,
    "    type: bigquery_query",
    `    query: "${sql}"`,
    `    destination: { table: "${table}", write_mode: ${write} }`,
    `    on_failure: ${onFailure}`,
  ].join("\n");
}

const DRYRUN = readFileSync(path.join(ROOT, "configs/gcp/example/dryrun.yml"), "utf8");

const templates = new Map<string, Template>([
  ["gcp/example/dryrun", parsed(DRYRUN, "gcp", "example", "dryrun")],
  ...Object.entries(TEXTS).map(([name, text]): [string, Template] => [
    `sim/sim/${name}`,
    parsed(text, "sim", "sim", name),
  ]),
]);

function parsed(text: string, provider: string, domain: string, name: string): Template {
  const read = parseTemplate(text, `${provider}/${domain}/${name}.yml`, { provider, domain, name });
  if ("faults" in read) throw new Error(`${name}: ${JSON.stringify(read.faults)}`);
  return read.template;
}

/** The catalogue of all services. */
export const CATALOGUE: Pick<Catalogue, "find" | "list" | "faultsOf"> = {
  find: (provider, domain, name) => templates.get(`${provider}/${domain}/${name}`),
  list: () => [...templates.values()],
  faultsOf: () => [],
};

/** Path of the clients' templates. */
export const PROVIDER = "sim";
export const DOMAIN = "sim";

export const PROJECT = "gac-prod-471220";
export const PLATFORM_DATASET = "convergence_platform";

/** The tables that a query names: all that a warehouse without SQL needs to know of it. */
export const tablesOf: MemoryWarehouseOptions["tablesOf"] = ({ sql, defaultDataset }) =>
  [...sql.matchAll(/FROM `?(\w+)`?/g)].map(([, table = ""]) => ({
    project: PROJECT,
    dataset: defaultDataset,
    table,
  }));
