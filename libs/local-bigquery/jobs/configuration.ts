import { checkTableId, type TableName } from "../catalog/names.ts";
import { BigQueryError, invalid, notImplemented } from "../errors.ts";
import { isObject, type JsonObject, numberOf, objectOr, stringOr } from "../json.ts";
import { type Parameter, readParameters } from "../sql/params.ts";
import type { Destination } from "./destination.ts";

/** A query job's configuration, read. */
export interface QueryConfiguration {
  sql: string;
  parameters: Map<string, Parameter>;
  /** "project:dataset", for table names without one. */
  defaultDataset: string | undefined;
  destination: Destination | undefined;
  timeoutMs: number | undefined;
  /** The query is refused where it would bill more bytes. */
  maximumBytes: number | undefined;
}

/** Options whose absence would change what a query does: refused when set. */
const REFUSED = [
  "schemaUpdateOptions",
  "tableDefinitions",
  "connectionProperties",
  "createSession",
  "scriptOptions",
  "userDefinedFunctionResources",
  "destinationEncryptionConfiguration",
];

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  return (
    !(Array.isArray(value) && value.length === 0) && !(isObject(value) && Object.keys(value).length === 0)
  );
}

/** Reads `configuration.query` (or the body of POST /queries, which has the same names). */
export function readQuery(project: string, query: JsonObject, jobTimeoutMs: unknown): QueryConfiguration {
  if (typeof query.query !== "string" || query.query.trim() === "")
    throw new BigQueryError("required", "Required parameter is missing: query");
  if (query.useLegacySql === true) throw notImplemented("legacy SQL (set useLegacySql to false)");
  checkSchemaUpdate(query);
  for (const option of REFUSED) if (isSet(query[option])) throw notImplemented(`query option ${option}`);
  const { defaultDataset } = query;
  return {
    sql: query.query,
    parameters: readParameters(query.queryParameters),
    defaultDataset: isObject(defaultDataset)
      ? `${stringOr(defaultDataset.projectId, project)}:${stringOr(defaultDataset.datasetId, "")}`
      : undefined,
    destination: readDestination(project, query),
    timeoutMs: readTimeout(jobTimeoutMs),
    maximumBytes: numberOf(query.maximumBytesBilled),
  };
}

function checkSchemaUpdate({ schemaUpdateOptions, writeDisposition, destinationTable }: JsonObject): void {
  const partition = stringOr(objectOr(destinationTable).tableId, "").includes("$");
  const takes = writeDisposition === "WRITE_APPEND" || (writeDisposition === "WRITE_TRUNCATE" && partition);
  if (isSet(schemaUpdateOptions) && !takes)
    throw invalid(
      "Schema update options should only be specified with WRITE_APPEND disposition, or with WRITE_TRUNCATE disposition on a table partition.",
    );
}

function readTimeout(value: unknown): number | undefined {
  const ms = numberOf(value);
  if (value !== undefined && value !== null && ms === undefined)
    throw invalid("jobTimeoutMs must be a number");
  return ms !== undefined && ms > 0 ? ms : undefined;
}

/** Reads a table reference of a request. */
export function readTableReference(project: string, value: unknown): TableName {
  const reference = objectOr(value);
  const [dataset, table] = [stringOr(reference.datasetId, ""), stringOr(reference.tableId, "")];
  if (dataset === "" || table === "")
    throw new BigQueryError("required", "Required parameter is missing: datasetId, tableId");
  return { project: stringOr(reference.projectId, project), dataset, table };
}

/** Reads destinationTable and the dispositions of a query, load or copy configuration. */
export function readDestination(
  project: string,
  from: JsonObject,
  usual: Destination["write"] = "WRITE_EMPTY",
): Destination | undefined {
  if (!isSet(from.destinationTable)) return undefined;
  const reference = readTableReference(project, from.destinationTable);
  const [table = "", partition] = reference.table.split("$");
  checkTableId(table);
  const create = stringOr(from.createDisposition, "CREATE_IF_NEEDED");
  const write = stringOr(from.writeDisposition, usual);
  if (create !== "CREATE_IF_NEEDED" && create !== "CREATE_NEVER")
    throw invalid(`Invalid createDisposition: ${create}`);
  if (write !== "WRITE_EMPTY" && write !== "WRITE_APPEND" && write !== "WRITE_TRUNCATE")
    throw invalid(`Invalid writeDisposition: ${write}`);
  const metadata: JsonObject = {};
  for (const key of ["timePartitioning", "rangePartitioning", "clustering"])
    if (isSet(from[key])) metadata[key] = from[key];
  return { name: { ...reference, table }, partition, create, write, metadata };
}
