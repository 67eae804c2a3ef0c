import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import avro from "avsc";

const folder = path.join(import.meta.dirname, "schemas");

/** The parts of an Avro schema that this project uses. */
export interface NamedSchema {
  type: "record" | "enum";
  name: string;
  doc?: string;
  fields?: { name: string; type: AvroType; doc?: string; default?: unknown }[];
  symbols?: string[];
}
export type AvroType = string | NamedSchema | { type: "array"; items: AvroType } | AvroType[];

/** Every schema by name that this release writes with, as its .avsc file declares it. */
export function readSchemas(): Map<string, NamedSchema> {
  return readAreas("common", "run", "tenant");
}

/**
 * The schemas that the next release will write with. Those that change lie in `next/` for one release, so that it reads
 * what it may meet while the next one is rolled out beside it.
 */
export function readComingSchemas(): Map<string, NamedSchema> {
  return readAreas("common", "run", "tenant", "next");
}

function readAreas(...areas: string[]): Map<string, NamedSchema> {
  const schemas = new Map<string, NamedSchema>();
  for (const area of areas) {
    if (!existsSync(path.join(folder, area))) continue;
    for (const file of readdirSync(path.join(folder, area)).sort()) {
      const schema: NamedSchema = JSON.parse(readFileSync(path.join(folder, area, file), "utf8"));
      schemas.set(schema.name, schema);
    }
  }
  return schemas;
}

/**
 * Every schema ever released, and the next release's, self-contained, by name: what a stored record may have been
 * written with.
 * Files are named `<record>.<fingerprint>.avsc` and are never changed or removed.
 */
export function readHistory(): { name: string; schema: NamedSchema }[] {
  const files = readdirSync(path.join(folder, "history")).filter((file) => file.endsWith(".avsc"));
  return files.sort().map((file) => {
    const schema: NamedSchema = JSON.parse(readFileSync(path.join(folder, "history", file), "utf8"));
    return { name: file.split(".")[0] ?? file, schema };
  });
}

/** Compiles all schemas, each after those that it names. */
export function compile(schemas: ReadonlyMap<string, NamedSchema>): Map<string, avro.Type> {
  const compiled = new Map<string, avro.Type>();
  const registry: Record<string, avro.Type> = {};
  const visit = (name: string): void => {
    const schema = schemas.get(name);
    if (schema === undefined || compiled.has(name)) return;
    for (const field of schema.fields ?? []) for (const used of namesIn(field.type)) visit(used);
    compiled.set(name, avro.Type.forSchema(schema as avro.Schema, { registry, omitRecordMethods: true }));
  };
  for (const name of schemas.keys()) visit(name);
  return compiled;
}

/** The named types that a type refers to. */
export function namesIn(type: AvroType): string[] {
  if (typeof type === "string") return [type];
  if (Array.isArray(type)) return type.flatMap(namesIn);
  return "items" in type ? namesIn(type.items) : [];
}

/** The schema with all named types written out, as history keeps it. */
export function canonical(type: avro.Type): string {
  return JSON.stringify(type.schema());
}
