import { isObject, type JsonObject, objectOr } from "../json.ts";
import { ident, quote } from "../sql/expr.ts";
import { arrayOf, BOOL, duckType, INT64, STRING, structOf, TIMESTAMP, type Type } from "../sql/types.ts";
import { type Table, viewQuery } from "./catalog.ts";
import { duckTable } from "./names.ts";

/** A view of INFORMATION_SCHEMA whose rows are counted or read when it is queried: DuckDB SQL a column. */
export interface LiveView {
  columns: [name: string, type: Type][];
  sql: string;
}

function liveView(columns: [name: string, type: Type, sql: string][], from: string): LiveView {
  const list = columns.map(([name, type, sql]) => `CAST(${sql} AS ${duckType(type)}) AS ${ident(name)}`);
  return {
    columns: columns.map(([name, type]) => [name, type]),
    sql: `(SELECT ${list.join(", ")} FROM ${from})`,
  };
}

/** How a partition's id is written, by what the table is partitioned by. */
const PARTITION_ID: Record<string, string> = { YEAR: "%Y", MONTH: "%Y%m", DAY: "%Y%m%d", HOUR: "%Y%m%d%H" };

/** The rows of each partition; of a table without any: all of them, its id NULL. */
export function partitions(tables: Table[]): LiveView {
  const counted = tables.filter((table) => viewQuery(table) === undefined).map(countedPartitions);
  const none =
    "SELECT NULL AS p, NULL AS d, NULL AS t, NULL AS id, 0 AS n, 0 AS width, 0 AS modified WHERE FALSE";
  const bytes = "v.n * v.width";
  return liveView(
    [
      ["table_catalog", STRING, "v.p"],
      ["table_schema", STRING, "v.d"],
      ["table_name", STRING, "v.t"],
      ["partition_id", STRING, "v.id"],
      ["total_rows", INT64, "v.n"],
      ["total_logical_bytes", INT64, bytes],
      ["total_billable_bytes", INT64, bytes],
      ["last_modified_time", TIMESTAMP, "make_timestamp(v.modified * 1000)"],
      ["storage_tier", STRING, "'ACTIVE'"],
    ],
    `(${[none, ...counted].join(" UNION ALL ")}) AS v`,
  );
}

function countedPartitions(table: Table): string {
  const { project, dataset, table: id } = table.name;
  const partition = partitionSql(table);
  const group = partition === undefined ? "" : " GROUP BY 4";
  const names = [project, dataset, id].map(quote).join(", ");
  return `SELECT ${names}, ${partition ?? "NULL"}, count(*), ${8 * table.fields.length}, ${table.modified} FROM ${duckTable(table.name)} AS r${group}`;
}

function partitionSql({
  metadata: { timePartitioning, rangePartitioning },
  fields,
}: Table): string | undefined {
  if (isObject(rangePartitioning)) return rangeSql(rangePartitioning);
  if (!isObject(timePartitioning)) return undefined;
  const name = String(timePartitioning.field ?? "").toLowerCase();
  const field = fields.find((f) => f.name.toLowerCase() === name);
  const format = PARTITION_ID[String(timePartitioning.type)];
  if (!field || format === undefined) return undefined;
  return `coalesce(strftime(r.${ident(field.name)}, ${quote(format)}), '__NULL__')`;
}

/** The first integer of each range; what lies outside of all is in no partition. */
function rangeSql({ field, range }: JsonObject): string {
  const column = `r.${ident(String(field))}`;
  const { start, end, interval } = objectOr(range);
  const outside = `${column} < ${Number(start)} OR ${column} >= ${Number(end)}`;
  const first = `${column} - (${column} - ${Number(start)}) % ${Number(interval)}`;
  return `CASE WHEN ${column} IS NULL THEN '__NULL__' WHEN ${outside} THEN '__UNPARTITIONED__' ELSE CAST(${first} AS VARCHAR) END`;
}

const TABLE = structOf(["project_id", "dataset_id", "table_id"].map((name) => ({ name, type: STRING })));
const LABEL = structOf(["key", "value"].map((name) => ({ name, type: STRING })));
const ERROR = structOf(
  ["reason", "location", "debug_info", "message"].map((name) => ({ name, type: STRING })),
);
const COUNTS = ["inserted_row_count", "deleted_row_count", "updated_row_count"];
const DML = structOf(COUNTS.map((name) => ({ name, type: INT64 })));

/** Text at a path of the record. */
const text = (path: string, from = "v.r"): string => `json_extract_string(${from}, '$.${path}')`;
const time = (path: string): string => `make_timestamp(CAST(${text(path)} AS BIGINT) * 1000)`;

/** A STRUCT of the texts at these paths; NULL where the object that holds them is absent. */
function record(object: string, names: string[]): string {
  const fields = names.map((name, i) => `_${i} := ${text(`${object}.${name}`)}`);
  return `CASE WHEN json_extract(v.r, '$.${object}') IS NOT NULL THEN struct_pack(${fields.join(", ")}) END`;
}

function list(object: string, item: string): string {
  return `coalesce(list_transform(CAST(json_extract(v.r, '$.${object}') AS JSON[]), lambda x : ${item}), [])`;
}

const REFERENCED = `struct_pack(${["projectId", "datasetId", "tableId"].map((name, i) => `_${i} := ${text(name, "x")}`).join(", ")})`;
const LABELS = `coalesce(list_transform(json_keys(v.r, '$.configuration.labels'), lambda k : struct_pack(_0 := k, _1 := json_extract_string(v.r, '$.configuration.labels."' || k || '"'))), [])`;

/** The project's jobs: those stored, and those under way that were noted. */
export function jobs(project: string): LiveView {
  const own = `starts_with(j.id, ${quote(`${project}:`)})`;
  const stored = `SELECT CAST(j.record AS JSON) AS r FROM bq.jobs AS j WHERE ${own}`;
  const open = `SELECT CAST(j.record AS JSON) FROM bq.open_jobs AS j WHERE ${own} AND j.id NOT IN (SELECT k.id FROM bq.jobs AS k)`;
  const query = "statistics.query";
  return liveView(
    [
      ["creation_time", TIMESTAMP, time("created")],
      ["project_id", STRING, text("project")],
      ["user_email", STRING, "'local@localhost'"],
      ["job_id", STRING, text("id")],
      ["job_type", STRING, text("configuration.jobType")],
      ["statement_type", STRING, text(`${query}.statementType`)],
      ["priority", STRING, text("configuration.query.priority")],
      ["start_time", TIMESTAMP, time("started")],
      ["end_time", TIMESTAMP, time("ended")],
      ["query", STRING, text("configuration.query.query")],
      ["state", STRING, text("state")],
      ["total_bytes_processed", INT64, text("statistics.totalBytesProcessed")],
      ["total_bytes_billed", INT64, text(`${query}.totalBytesBilled`)],
      ["total_slot_ms", INT64, text("statistics.totalSlotMs")],
      ["cache_hit", BOOL, text(`${query}.cacheHit`)],
      ["error_result", ERROR, record("error", ["reason", "location", "debugInfo", "message"])],
      [
        "destination_table",
        TABLE,
        record("configuration.query.destinationTable", ["projectId", "datasetId", "tableId"]),
      ],
      ["referenced_tables", arrayOf(TABLE), list(`${query}.referencedTables`, REFERENCED)],
      ["labels", arrayOf(LABEL), LABELS],
      [
        "dml_statistics",
        DML,
        record(`${query}.dmlStats`, ["insertedRowCount", "deletedRowCount", "updatedRowCount"]),
      ],
    ],
    `(${stored} UNION ALL ${open}) AS v`,
  );
}
