import type { BusRecord } from "@convergence/bus";
import { originalHeaders } from "@convergence/bus/dead-letter.ts";
import type { Letter } from "@convergence/bus/letter-box.ts";
import { decode } from "@convergence/contracts";
import { scrubText, withoutSecrets } from "@convergence/runtime";
import { iso } from "@convergence/runtime/iso.ts";
import { idOf } from "./letters.ts";

/** So much of an unreadable value is shown, in bytes. */
const HEX_BYTES = 4_096;

/** The letters as JSON, for scripts. */
export function listJson(letters: readonly Letter[]): string {
  const rows = letters.map((letter) => ({
    id: idOf(letter),
    at: iso(letter.time),
    origin: letter.origin,
    key: letter.key,
    reason: letter.error,
    copies: letter.copies.length,
    state: letter.settled?.settlement.how ?? "waiting",
    settled_at: letter.settled ? iso(letter.settled.time) : null,
    replayed_offset: letter.settled?.settlement.how === "replayed" ? letter.settled.settlement.offset : null,
  }));
  return JSON.stringify(JSON.parse(withoutSecrets(JSON.stringify(rows))), null, 2);
}

/** The letters as a table, and how many wait. */
export function listTable(letters: readonly Letter[]): string {
  if (letters.length === 0) return "no dead letters";
  const rows = letters.map((letter) => [
    idOf(letter),
    iso(letter.time),
    from(letter),
    printable(letter.key),
    state(letter),
    printable(letter.error ?? "unknown"),
  ]);
  const waiting = letters.filter(({ settled }) => !settled).length;
  const head = ["ID", "WHEN", "FROM", "KEY", "STATE", "REASON"];
  return `${columns([head, ...rows])}\n${letters.length} dead ${letters.length === 1 ? "letter" : "letters"}, ${waiting} waiting`;
}

/** One letter with its headers and its value, as far as a schema reads it. No secret is shown. */
export function showLetter(letter: Letter, record: BusRecord): string {
  const facts = columns([
    ["id", idOf(letter)],
    ["when", iso(letter.time)],
    ["from", from(letter)],
    ["key", printable(letter.key)],
    ["reason", printable(letter.error ?? "unknown")],
    ["state", state(letter)],
    ["copies", copies(letter)],
  ]);
  const headers: Record<string, string> = JSON.parse(
    withoutSecrets(JSON.stringify(originalHeaders(record)).replaceAll("\n", " ")),
  );
  const lines = Object.entries(headers).map(([name, value]) => `  ${printable(name)}: ${printable(value)}`);
  return [facts, "headers", ...(lines.length > 0 ? lines : ["  none"]), valueText(record.value)].join("\n");
}

/** Where a letter's record was first stored. */
function from({ origin }: Letter): string {
  return origin ? `${origin.topic}:${origin.partition}:${origin.offset}` : "unknown";
}

function copies({ topic, partition, copies }: Letter): string {
  return copies.map((offset) => idOf({ topic, partition, offset })).join(" ") || "none";
}

function state({ origin, settled }: Letter): string {
  if (!settled) return "waiting";
  const { settlement, time } = settled;
  if (settlement.how === "discarded") return `discarded ${iso(time)}`;
  return `replayed ${iso(time)} as ${origin?.topic}:${origin?.partition}:${settlement.offset}`;
}

function valueText(value: Uint8Array | null): string {
  if (value === null) return "value: none (a tombstone)";
  try {
    const message = decode(value);
    return `value: ${message.type}, ${value.byteLength} bytes\n${printableJson(message)}`;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `value: ${value.byteLength} bytes, ${printable(why)}\n${hexDump(value)}`;
  }
}

/** Bytes are hashes, public keys, and what is encrypted or sealed: they stay closed. JSON in text is shown as such. */
function printableJson(message: object): string {
  const opened = JSON.stringify(message, function (this: Record<string, unknown>, name, value: unknown) {
    const given = this[name];
    if (given instanceof Uint8Array) return `<${given.byteLength} bytes>`;
    return typeof value === "string" ? (jsonIn(value) ?? value) : value;
  });
  return printable(JSON.stringify(JSON.parse(withoutSecrets(opened)), null, 2), "\n");
}

function jsonIn(text: string): object | null {
  if (!text.startsWith("{")) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function hexDump(value: Uint8Array): string {
  const bytes = Buffer.from(scrubbed(Buffer.from(value).toString("latin1")), "latin1");
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, HEX_BYTES); at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = row.toString("hex").replaceAll(/../g, "$& ");
    const text = row.toString("latin1").replaceAll(/[^\x20-\x7e]/g, ".");
    lines.push(`  ${at.toString(16).padStart(6, "0")}  ${hex.padEnd(49)}${text}`);
  }
  if (bytes.length > HEX_BYTES) lines.push(`  ... ${bytes.length - HEX_BYTES} bytes more`);
  return lines.join("\n");
}

/** What no schema reads may be anything: JSON with secrets in it, too. */
function scrubbed(text: string): string {
  try {
    return withoutSecrets(text);
  } catch {
    return scrubText(text);
  }
}

/** Text of anybody's making, without secrets and without what a terminal obeys. */
export function printable(text: string, except = ""): string {
  return scrubText(text).replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) =>
    character === except ? character : `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

function columns(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
