import { notImplemented } from "../../errors.ts";
import { quote } from "../expr.ts";
import type { Type } from "../types.ts";

/** Elements that mean the same in DuckDB's strftime. */
const SAME = new Set([
  "Y",
  "m",
  "d",
  "H",
  "M",
  "S",
  "y",
  "j",
  "B",
  "b",
  "A",
  "a",
  "I",
  "p",
  "u",
  "w",
  "G",
  "V",
  "U",
  "W",
  "%",
]);

/** Elements made of others. */
const SPELLED: Record<string, string> = { F: "%Y-%m-%d", T: "%H:%M:%S", R: "%H:%M", D: "%m/%d/%y", h: "%b" };

const CLOCK = new Set(["H", "M", "S", "I", "p"]);

/** FORMAT_DATE and its like: DuckDB SQL for a constant format. Elements that are not known here are refused. */
export function formatSpecifiers(format: string, value: string, type: Type, name: string): string {
  const parts: string[] = [];
  let plain = "";
  const flush = (): void => {
    if (plain !== "") parts.push(`strftime(${value}, ${quote(plain)})`);
    plain = "";
  };
  const spelled = format.replace(/%([FTRDh])/g, (all, letter: string) => SPELLED[letter] ?? all);
  for (let i = 0; i < spelled.length; i++) {
    if (spelled[i] !== "%") {
      plain += spelled[i];
      continue;
    }
    const rest = spelled.slice(i + 1);
    const letter = rest[0] ?? "";
    if (rest.startsWith("E4Y") || rest.startsWith("E6S") || rest.startsWith("E3S")) {
      plain += rest.startsWith("E4Y") ? "%Y" : rest.startsWith("E6S") ? "%S.%f" : "%S.%g";
      if (type.kind === "DATE" && !rest.startsWith("E4Y"))
        throw notImplemented(`%${rest.slice(0, 3)} in ${name}`);
      i += 3;
    } else if (SAME.has(letter) && !(type.kind === "DATE" && CLOCK.has(letter))) {
      plain += `%${letter}`;
      i += 1;
    } else if (letter === "e" || letter === "Q") {
      flush();
      parts.push(
        letter === "e"
          ? `lpad(CAST(day(${value}) AS VARCHAR), 2, ' ')`
          : `CAST(quarter(${value}) AS VARCHAR)`,
      );
      i += 1;
    } else if (letter === "Z" && type.kind === "TIMESTAMP") {
      plain += "UTC";
      i += 1;
    } else if (letter === "z" && type.kind === "TIMESTAMP") {
      plain += "+0000";
      i += 1;
    } else throw notImplemented(`format element %${letter} in ${name}`);
  }
  flush();
  if (parts.length === 0) return `CASE WHEN ${value} IS NOT NULL THEN '' END`;
  return parts.length === 1 ? (parts[0] ?? "''") : `(${parts.join(" || ")})`;
}
