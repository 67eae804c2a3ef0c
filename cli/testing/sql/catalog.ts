import type { BigQuery } from "@google-cloud/bigquery";
import { z } from "zod";
import type { Catalog, Column, TypeProto } from "./analyzer.ts";

interface Field {
  name: string;
  type: string;
  mode?: string | undefined;
  fields?: Field[] | undefined;
}

const field: z.ZodType<Field> = z.object({
  name: z.string(),
  type: z.string(),
  mode: z.string().optional(),
  get fields() {
    return z.array(field).optional();
  },
});

/** A table that there is, with its columns as the analyzer takes them. */
export interface KnownTable {
  dataset: string;
  table: string;
  column: Column[];
}

/** Every table of a project. */
export async function tablesOf(client: BigQuery): Promise<KnownTable[]> {
  const [datasets] = await client.getDatasets();
  const tables = await Promise.all(datasets.map(async (dataset) => (await dataset.getTables())[0]));
  return Promise.all(
    tables.flat().map(async (table) => {
      const [metadata] = await table.getMetadata();
      const fields = z.array(field).parse(metadata.schema.fields);
      return { dataset: table.dataset.id ?? "", table: table.id ?? "", column: fields.map(columnOf) };
    }),
  );
}

/** The tables as a text may name them: whole, by dataset, or, of its default dataset, by table alone. */
export function catalogOf(
  project: string,
  tables: KnownTable[],
  defaultDataset: string | undefined,
): Catalog {
  const names = (known: KnownTable): string[] => [
    `${project}.${known.dataset}.${known.table}`,
    `${known.dataset}.${known.table}`,
    ...(known.dataset === defaultDataset ? [known.table] : []),
  ];
  const datasets = [...new Set(tables.map(({ dataset }) => dataset))].map((name) => ({
    name,
    table: tables
      .filter(({ dataset }) => dataset === name)
      .map(({ table, column }) => ({ name: table, column })),
    catalog: [],
  }));
  return {
    name: "root",
    table: tables.flatMap((known) => names(known).map((name) => ({ name, column: known.column }))),
    catalog: [...datasets, { name: project, table: [], catalog: datasets }],
  };
}

const KINDS: Record<string, string> = {
  INTEGER: "TYPE_INT64",
  FLOAT: "TYPE_DOUBLE",
  FLOAT64: "TYPE_DOUBLE",
  BOOLEAN: "TYPE_BOOL",
};

function columnOf({ name, type, mode, fields = [] }: Field): Column {
  const one: TypeProto =
    type === "RECORD" || type === "STRUCT"
      ? structOf(fields.map(columnOf))
      : { typeKind: KINDS[type] ?? `TYPE_${type}` };
  return { name, type: mode === "REPEATED" ? arrayOf(one) : one };
}

function arrayOf(elementType: TypeProto): TypeProto {
  return { typeKind: "TYPE_ARRAY", arrayType: { elementType } };
}

function structOf(columns: Column[]): TypeProto {
  const fields = columns.map(({ name, type }) => ({ fieldName: name, fieldType: type }));
  return { typeKind: "TYPE_STRUCT", structType: { field: fields } };
}

interface ParameterType {
  type: string;
  arrayType?: ParameterType | undefined;
  structTypes?: { name: string; type: ParameterType }[] | undefined;
}

const parameterType: z.ZodType<ParameterType> = z.object({
  type: z.string(),
  get arrayType() {
    return parameterType.optional();
  },
  get structTypes() {
    return z.array(z.object({ name: z.string(), type: parameterType })).optional();
  },
});

const query = z.object({
  query: z.string(),
  defaultDataset: z.object({ datasetId: z.string() }).nullish(),
  queryParameters: z.array(z.object({ name: z.string(), parameterType })).nullish(),
});

const request = z.union([
  query,
  z.object({ configuration: z.object({ query }) }).transform(({ configuration }) => configuration.query),
]);

const reference = z.object({ datasetId: z.string(), tableId: z.string() });
const schema = z.object({ fields: z.array(field) });

const made = z.union([
  z.object({ tableReference: reference, schema }),
  z
    .object({ configuration: z.object({ load: z.object({ destinationTable: reference, schema }) }) })
    .transform(({ configuration: { load } }) => ({ ...load, tableReference: load.destinationTable })),
]);

/** Reads one recorded request; undefined where it makes no table. */
export function readMade(line: string): KnownTable | undefined {
  const { success, data } = made.safeParse(JSON.parse(line));
  if (!success) return undefined;
  const { datasetId, tableId } = data.tableReference;
  return { dataset: datasetId, table: tableId, column: data.schema.fields.map(columnOf) };
}

/** A text that was sent, with what its meaning depends on. */
export interface Sent {
  sql: string;
  defaultDataset: string | undefined;
  parameters: Column[];
}

/** Reads one recorded request; undefined where it is no query's. */
export function readSent(line: string): Sent | undefined {
  const { success, data } = request.safeParse(JSON.parse(line));
  if (!success) return undefined;
  const parameters = (data.queryParameters ?? []).map((p) => ({
    name: p.name,
    type: protoOf(p.parameterType),
  }));
  return { sql: data.query, defaultDataset: data.defaultDataset?.datasetId, parameters };
}

function protoOf({ type, arrayType, structTypes = [] }: ParameterType): TypeProto {
  if (type === "ARRAY" && arrayType) return arrayOf(protoOf(arrayType));
  if (type === "STRUCT") return structOf(structTypes.map((f) => ({ name: f.name, type: protoOf(f.type) })));
  return { typeKind: KINDS[type] ?? `TYPE_${type}` };
}
