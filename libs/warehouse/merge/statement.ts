import { column, qualified } from "../names.ts";
import type { MergeJob } from "../port.ts";

type Column = MergeJob["columns"][number];

/** What the statement's text depends on: never on the rows, so that each table has one text. */
export type MergeShape = Pick<
  MergeJob,
  "table" | "columns" | "keys" | "version" | "partition" | "required" | "emptied"
>;

/**
 * One MERGE for all rows of a job. Parameters: `@rows` (ARRAY<STRUCT>, a member a column) and, for a table with
 * partitions, `@lo` and `@hi`: they are constants to BigQuery, so that it scans only the partitions between them.
 * @throws TypeError for a name that is none.
 */
export function mergeStatement(project: string, shape: MergeShape): string {
  const names = shape.columns.map((c) => column(c.name));
  const fixed = new Set([...shape.keys, ...(shape.partition === null ? [] : [shape.partition])]);
  const emptied = new Set(shape.emptied);
  const sets = shape.columns
    .filter((c) => !fixed.has(c.name))
    .map(({ name }) => set(column(name), emptied.has(name)));
  const version = column(shape.version);
  const complete = [...new Set([...shape.keys, ...shape.required])].map(
    (name) => `S.${column(name)} IS NOT NULL`,
  );
  return `MERGE ${qualified(project, shape.table)} T
USING (SELECT ${shape.columns.map(source).join(", ")} FROM UNNEST(@rows) r) S
ON ${matches(shape).join(" AND ")}
WHEN MATCHED AND (T.${version} IS NULL OR S.${version} > T.${version}) THEN
  UPDATE SET ${sets.join(", ")}
WHEN NOT MATCHED AND ${complete.join(" AND ")} THEN
  INSERT (${names.join(", ")}) VALUES (${names.map((name) => `S.${name}`).join(", ")})`;
}

function set(name: string, emptied: boolean): string {
  return emptied ? `${name} = S.${name}` : `${name} = IFNULL(S.${name}, T.${name})`;
}

function matches(shape: MergeShape): string[] {
  const keys = shape.keys.map((key) => `T.${column(key)} = S.${column(key)}`);
  return shape.partition === null ? keys : [...keys, `T.${column(shape.partition)} BETWEEN @lo AND @hi`];
}

/** A column out of its member of `@rows`; merge/parameters.ts writes the members. */
function source({ name, type }: Column): string {
  const quoted = column(name);
  switch (type) {
    case "JSON":
      // A number that a double cannot hold is rounded: exact would fail the whole batch for ever.
      return `PARSE_JSON(r.${quoted}, wide_number_mode => 'round') AS ${quoted}`;
    case "BYTES":
      return `FROM_BASE64(r.${quoted}) AS ${quoted}`;
    case "ARRAY<STRING>":
      // As JSON text: unlike an array, it can be null, which leaves the column as it is.
      return `JSON_VALUE_ARRAY(r.${quoted}) AS ${quoted}`;
    default:
      return `r.${quoted} AS ${quoted}`;
  }
}
