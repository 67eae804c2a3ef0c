import type { Field } from "@convergence/warehouse";
import { plainFields, type RestField } from "@convergence/warehouse/bigquery/fields.ts";
import { warehouseError } from "@convergence/warehouse/bigquery/rest.ts";
import { plainRows } from "@convergence/warehouse/bigquery/rows.ts";
import { localClient } from "../demo/bigquery.ts";
import { only, parsed } from "./arguments.ts";
import { type Command, CommandError, UsageError, type World } from "./command.ts";
import { bigQueryUrl, tenantOf } from "./endpoints.ts";
import { csvText, type Row, tableText } from "./rows-text.ts";

const MOST_ROWS = 100_000;

const HELP = `usage: npm run convergence -- query "SELECT ..." [--tenant ID] [--limit N] [--json | --csv]

Runs a query on the local BigQuery (BIGQUERY_ENDPOINT, else what npm start serves) and prints its rows.

  --tenant ID  whose dataset tables are looked up in; else the tenant of CONVERGENCE_API_KEY; else each needs its own
  --limit N    how many rows are printed at most: 1,000, unless N says another number
  --json       prints one JSON object a line
  --csv        prints CSV, with a line of names

Exit codes: 0 printed; 1 BigQuery refused the query, or is not there; 2 not understood.`;

export const query: Command = {
  summary: "runs a query on the local BigQuery and prints a table",
  help: HELP,
  async run(args, world) {
    const { values, positionals } = parsed(args, {
      tenant: { type: "string" },
      limit: { type: "string", default: "1000" },
      json: { type: "boolean", default: false },
      csv: { type: "boolean", default: false },
    });
    const sql = only(positionals, "query");
    const limit = /^\d{1,6}$/.test(values.limit) ? Number(values.limit) : 0;
    if (limit < 1 || limit > MOST_ROWS)
      throw new UsageError(`--limit ${values.limit}: give 1 to ${MOST_ROWS}`);
    if (values.json && values.csv) throw new UsageError("--json or --csv, not both");
    const { fields, rows, total } = await read(sql, tenantOf(values.tenant, world.config), limit, world);
    if (values.json) for (const row of rows) world.print(JSON.stringify(row));
    else for (const line of values.csv ? csvText(fields, rows) : tableText(fields, rows)) world.print(line);
    if (rows.length < total) {
      world.note(
        `The first ${rows.length} of ${total} rows: --limit ${Math.min(total, MOST_ROWS)} prints more.`,
      );
    } else if (!values.json && !values.csv) world.note(`${total} row${total === 1 ? "" : "s"}`);
    return 0;
  },
};

interface Result {
  fields: Field[];
  rows: Row[];
  /** How many the query has. */
  total: number;
}

async function read(
  sql: string,
  tenant: string | undefined,
  limit: number,
  { config }: World,
): Promise<Result> {
  const endpoint = bigQueryUrl(config);
  const client = localClient(endpoint, config.GCP_PROJECT_ID, { autoRetry: false });
  try {
    const defaultDataset = tenant === undefined ? {} : { defaultDataset: { datasetId: tenant } };
    const [job] = await client.createQueryJob({ query: sql, ...defaultDataset });
    const result: Result = { fields: [], rows: [], total: 0 };
    let pageToken: string | undefined;
    do {
      const page: Page = await pageOf(client, job.id ?? "", limit - result.rows.length, pageToken);
      result.fields = plainFields(page.schema?.fields ?? []);
      result.rows.push(...plainRows(result.fields, page.rows ?? []));
      result.total = Number(page.totalRows ?? 0);
      pageToken = page.pageToken;
    } while (pageToken !== undefined && result.rows.length < limit);
    return result;
  } catch (error) {
    const { reason, message } = warehouseError(error, true);
    if (reason !== "network") throw new CommandError(message, "", 1);
    throw new CommandError(
      `BigQuery is not reachable at ${endpoint}`,
      "Start it (npm start), or set BIGQUERY_ENDPOINT to where it is.",
    );
  }
}

/** What jobs.getQueryResults answers, as far as it is used. */
interface Page {
  schema?: { fields?: RestField[] };
  rows?: { f?: { v?: unknown }[] }[];
  totalRows?: string;
  pageToken?: string;
}

/** A page as the REST interface has it: the client's own rows have lost their columns' types. */
function pageOf(
  client: ReturnType<typeof localClient>,
  jobId: string,
  maxResults: number,
  pageToken: string | undefined,
): Promise<Page> {
  const qs = {
    maxResults,
    "formatOptions.useInt64Timestamp": true,
    ...(pageToken === undefined ? {} : { pageToken }),
  };
  return new Promise((resolve, reject) => {
    client.request({ method: "GET", uri: `/queries/${jobId}`, qs }, (error, answer) => {
      if (error) reject(error);
      else resolve(answer ?? {});
    });
  });
}
