import type { Field, LoadFormat } from "@convergence/warehouse/port.ts";
import { z } from "zod";
import { COLUMN_MODES, COLUMN_NAME, COLUMN_TYPES } from "../columns.ts";
import { compileText, render } from "../text.ts";
import type { Scope, Text } from "../types.ts";
import { checkDestination, compileDestination, destinationSchema } from "./destination.ts";
import { stepType } from "./step-type.ts";

const loadedField = z.strictObject({
  name: z.string().regex(COLUMN_NAME, "is not a column's name"),
  type: z.enum([...COLUMN_TYPES, "GEOGRAPHY"]),
  mode: z.enum(COLUMN_MODES).optional(),
});

/** What a variable may stand for in a file's path or a URI: never a folder, a wildcard or a way up. */
const VALUE = /^(?!\.+$)[A-Za-z0-9_.=-]+$/;

/** Loads files of the tenant's inbox folder, or of Cloud Storage, into a table. */
export const bigqueryLoad = stepType({
  name: "bigquery_load",
  fields: {
    files: z
      .array(z.string().min(1, "must not be empty"))
      .min(1, "must name at least one file")
      .optional()
      .describe("Files of the tenant's inbox folder, as paths in it; * and ** stand for many"),
    uris: z
      .array(z.string().min(1, "must not be empty"))
      .min(1, "must name at least one URI")
      .optional()
      .describe("gs:// URIs, one * in each at most; BigQuery itself reads them, so not a local one"),
    format: z.enum(["ndjson", "csv", "parquet"]).describe("How the data is written"),
    csv: z
      .strictObject({
        delimiter: z.string().length(1, "must be one character").optional().describe("A comma unless given"),
        header_rows: z
          .int()
          .min(0)
          .max(1_000)
          .optional()
          .describe("Rows at the top without data: 0 unless given"),
        null_marker: z.string().optional().describe("The unquoted text for NULL: the empty one unless given"),
      })
      .optional()
      .describe("How the CSV is written"),
    schema: z
      .union([
        z.array(loadedField).min(1, "must have at least one column"),
        z.literal("detect", "must be a list of columns, or the word detect"),
      ])
      .optional()
      .describe("The data's columns, or detect; unless given those of the table, or of the Parquet file"),
    destination: destinationSchema,
  },
  variables: { files: "text", uris: "text", destination: "text" },

  check(step, tell) {
    if ((step.files === undefined) === (step.uris === undefined)) {
      tell([], "names files (of the inbox) or uris (gs://): give one of the two");
    }
    for (const [i, file] of (step.files ?? []).entries()) {
      const message = pathFault(file);
      if (message !== null) tell(["files", i], message);
    }
    for (const [i, uri] of (step.uris ?? []).entries()) {
      if (!/^gs:\/\/[^/*]+\/./.test(uri) || uri.split("*").length > 2) {
        tell(["uris", i], "is not gs://bucket/object with one * at most: files of a machine go to the inbox");
      }
    }
    if (step.csv !== undefined && step.format !== "csv")
      tell(["csv"], "csv belongs to format: csv; leave it out");
    checkDestination(step.destination, (path, message) => tell(["destination", ...path], message));
  },

  compile(step, place) {
    const files = step.files?.map(compileText);
    const uris = step.uris?.map(compileText) ?? [];
    const format = formatOf(step.format, step.csv);
    const schema = typeof step.schema === "object" ? step.schema.map(fieldOf) : (step.schema ?? null);
    const destination = compileDestination(step.destination, `${place}.destination`);
    return (scope) => ({
      type: "bigquery_load",
      source:
        files === undefined
          ? { uris: uris.map((text, i) => rendered(text, `${place}.uris[${i}]`, scope)) }
          : { files: files.map((text, i) => rendered(text, `${place}.files[${i}]`, scope)) },
      format,
      schema,
      destination: destination(scope),
    });
  },
});

/** Why a path does not stay in the inbox, or null. */
function pathFault(path: string): string | null {
  const stays = !path.startsWith("/") && !path.includes("\\") && !path.split("/").includes("..");
  return stays ? null : "must be a path within the inbox folder: no / first, no .., no backslash";
}

function fieldOf({ name, type, mode }: z.output<typeof loadedField>): Field {
  return { name, type, ...(mode === undefined ? {} : { mode }) };
}

function formatOf(
  format: "ndjson" | "csv" | "parquet",
  csv: { delimiter?: string; header_rows?: number; null_marker?: string } = {},
): LoadFormat {
  if (format === "ndjson") return { type: "NEWLINE_DELIMITED_JSON" };
  if (format === "parquet") return { type: "PARQUET" };
  const { delimiter, header_rows, null_marker } = csv;
  return {
    type: "CSV",
    ...(delimiter === undefined ? {} : { delimiter }),
    ...(header_rows === undefined ? {} : { headerRows: header_rows }),
    ...(null_marker === undefined ? {} : { nullMarker: null_marker }),
  };
}

function rendered(text: Text, place: string, scope: Scope): string {
  for (const part of text) {
    if (typeof part === "string" || VALUE.test(String(scope.values.get(part.variable)))) continue;
    scope.problem(part.variable, `stands in ${place}: only letters, digits, _ - . and = there`);
  }
  return render(text, scope.values);
}
