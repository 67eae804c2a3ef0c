import { isObject, type Json, type JsonObject, objectOr, stringOr } from "../json.ts";
import { type Fixture, filled } from "./fixture.ts";

/** The job configuration that a fixture asks for. */
export function configurationOf(fixture: Fixture, project: string, dataset: string): JsonObject {
  const { dryRun, labels, jobTimeoutMs, ...query } = queryOf(fixture, project, dataset);
  return {
    query,
    dryRun,
    labels,
    jobTimeoutMs: jobTimeoutMs === undefined ? undefined : String(jobTimeoutMs),
  };
}

function queryOf(fixture: Fixture, project: string, dataset: string): JsonObject {
  const fill = (text: string): string => filled(text, project, dataset);
  const job: JsonObject = { useLegacySql: false, query: fill(fixture.query) };
  for (const [key, value] of Object.entries(fixture.config)) {
    const text = typeof value === "string" ? fill(value) : "";
    const [p = "", d = "", ...t] = text.split(".");
    if (key === "destination") job.destinationTable = { projectId: p, datasetId: d, tableId: t.join(".") };
    else if (key === "default_dataset") job.defaultDataset = { projectId: p, datasetId: d };
    else if (key === "clustering_fields") job.clustering = { fields: value ?? null };
    else job[camel(key)] = text === "" ? (value ?? null) : text;
  }
  const { mode, parameters } = fixture.parameters;
  if (Array.isArray(parameters)) {
    job.parameterMode = String(mode).toUpperCase();
    job.queryParameters = parameters.filter(isObject).map(parameter);
  }
  return job;
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function parameter(given: JsonObject): JsonObject {
  const type = typeOf(given.type);
  const made: JsonObject = { parameterType: type, parameterValue: parameterValue(type, given.value) };
  return given.name === undefined ? made : { ...made, name: given.name };
}

/** A type as REST has it; the recordings name a STRUCT field's type by its name alone. */
function typeOf(type: Json | undefined): JsonObject {
  if (!isObject(type)) return { type };
  if (!Array.isArray(type.structTypes)) return type;
  return {
    ...type,
    structTypes: type.structTypes.filter(isObject).map((f) => ({ ...f, type: typeOf(f.type) })),
  };
}

function parameterValue(type: JsonObject, value: Json | undefined): JsonObject {
  if (Array.isArray(value))
    return { arrayValues: value.map((v) => parameterValue(objectOr(type.arrayType), v)) };
  if (isObject(value)) {
    const fields = (Array.isArray(type.structTypes) ? type.structTypes : []).filter(isObject);
    const values = fields.map((f): [string, Json] => {
      const name = stringOr(f.name, "");
      return [name, parameterValue(objectOr(f.type), value[name])];
    });
    return { structValues: Object.fromEntries(values) };
  }
  return { value: value === null || value === undefined ? null : String(value) };
}
