/**
 * `npm run schemas`: makes messages.ts from the .avsc files and puts each current schema into history/,
 * where every schema ever released stays; so with the next release's, which lie in next/.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { rabin } from "./fingerprint.ts";
import {
  type AvroType,
  canonical,
  compile,
  type NamedSchema,
  readComingSchemas,
  readSchemas,
} from "./schemas.ts";
import { TOPICS } from "./topics.ts";

const here = import.meta.dirname;

/** The text of messages.ts: an interface for each record, a union for each topic. */
export function renderMessages(): string {
  const schemas = readSchemas();
  const carried = messageNames();
  const parts = [...schemas.values()].map((schema) => render(schema, carried.has(schema.name)));
  const unions = Object.entries(TOPICS).map(
    ([topic, { carries }]) =>
      `/** What ${topic} carries. */\nexport type ${pascal(topic)}Message = ${carries.join(" | ")};\n` +
      `export const ${constant(topic)}_TYPES = [${carries.map((name) => `"${name}"`).join(", ")}] as const;`,
  );
  return [
    "// Made by `npm run schemas` from schemas/*/*.avsc and topics.ts: change those.",
    ...parts,
    ...unions,
    '/** An event as a decision states it: the log\'s writer adds the meta. */\nexport type Unstamped<E> = E extends { meta: EventMeta } ? Omit<E, "meta"> : never;',
    `/** Any record of any topic. */\nexport type Message = ${[...carried].join(" | ")};`,
    `export type MessageType = Message["type"];`,
    `export type MessageOf<T extends MessageType> = Extract<Message, { type: T }>;`,
    `export const MESSAGE_TYPES = [${[...carried].map((name) => `"${name}"`).join(", ")}] as const;`,
    "",
  ].join("\n\n");
}

function messageNames(): Set<string> {
  return new Set(Object.values(TOPICS).flatMap(({ carries }) => carries));
}

function render(schema: NamedSchema, isMessage: boolean): string {
  const doc = schema.doc ? `/** ${schema.doc} */\n` : "";
  if (schema.type === "enum") {
    return `${doc}export type ${schema.name} = ${(schema.symbols ?? []).map((symbol) => `"${symbol}"`).join(" | ")};`;
  }
  const fields = (schema.fields ?? []).map(
    (field) => `${field.doc ? `  /** ${field.doc} */\n` : ""}  ${field.name}: ${typeText(field.type)};`,
  );
  if (isMessage) fields.unshift(`  type: "${schema.name}";`);
  return `${doc}export interface ${schema.name} {\n${fields.join("\n")}\n}`;
}

const PRIMITIVES: Record<string, string> = {
  string: "string",
  long: "number",
  int: "number",
  boolean: "boolean",
  bytes: "Buffer",
  null: "null",
};

function typeText(type: AvroType): string {
  if (typeof type === "string") return PRIMITIVES[type] ?? type;
  if (Array.isArray(type)) return type.map(typeText).reverse().join(" | ");
  return "items" in type ? `${typeText(type.items)}[]` : type.name;
}

function pascal(topic: string): string {
  return topic.replace(/(^|[.-])([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
}

function constant(topic: string): string {
  return topic.replace(/[.-]/g, "_").toUpperCase();
}

/** Of each record type that travels, its self-contained schema. */
export function historyOf(schemas: ReadonlyMap<string, NamedSchema>): { name: string; text: string }[] {
  const compiled = compile(schemas);
  return [...messageNames()].map((name) => {
    const type = compiled.get(name);
    if (type === undefined) throw new Error(`no schema for ${name}`);
    return { name, text: canonical(type) };
  });
}

function writeHistory(): void {
  const folder = path.join(here, "schemas", "history");
  for (const { name, text } of [...historyOf(readSchemas()), ...historyOf(readComingSchemas())]) {
    const file = path.join(folder, `${name}.${rabin(text).toString("hex")}.avsc`);
    if (!existsSync(file)) writeFileSync(file, `${JSON.stringify(JSON.parse(text))}\n`);
  }
  console.log(`${readdirSync(folder).length} schemas in history`);
}

if (import.meta.main) {
  const file = path.join(here, "messages.ts");
  const text = renderMessages();
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeFileSync(file, text);
  writeHistory();
}
