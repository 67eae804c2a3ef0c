import { invalidQuery, notImplemented } from "../../errors.ts";
import { isObject, stringOr } from "../../json.ts";
import { asList, asNode, only, optional } from "../ast.ts";
import { coerce, coercible } from "../coerce.ts";
import { type Context, lower } from "../lower-expr.ts";
import { INT64 } from "../types.ts";

/** Date parts as syntax: DAY, WEEK(MONDAY), INTERVAL 3 DAY. */
export function readPart(value: unknown): string {
  const node = asNode(value);
  if (node.kind === "var") return stringOr(only(node, "this").this, "").toUpperCase();
  if (node.kind === "column") {
    const name = node.body.name;
    if (isObject(name) && !node.body.table) return stringOr(name.name, "").toUpperCase();
  }
  if (node.kind === "function" && stringOr(node.body.name, "").toUpperCase() === "WEEK") {
    const [day] = asList(only(node, "name", "args").args);
    return `WEEK(${readPart(day)})`;
  }
  if (node.kind === "function") {
    const body = only(node, "name", "args", "no_parens");
    if (asList(body.args).length === 0) return stringOr(body.name, "").toUpperCase();
  }
  throw invalidQuery("A valid date part name is required");
}

const WEEKDAYS = ["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"];

/** The day on which weeks of a WEEK part begin (0 is Sunday), or undefined where the part is no week. */
export function weekStart(part: string): number | undefined {
  if (part === "WEEK") return 0;
  if (part === "ISOWEEK") return 1;
  const day = WEEKDAYS.indexOf(/^WEEK\((\w+)\)$/.exec(part)?.[1] ?? "");
  return day >= 0 ? day : undefined;
}

export interface Interval {
  /** SQL of the count, a BIGINT. */
  count: string;
  part: string;
}

/** INTERVAL n PART, n an INT64 expression. */
export function readInterval(context: Context, value: unknown): Interval {
  const node = asNode(value);
  if (node.kind !== "interval") throw invalidQuery("Syntax error: Expected INTERVAL expression");
  const body = only(node, "this", "unit");
  const unit = body.unit;
  if (!isObject(unit) || unit.type !== "simple") throw notImplemented("an INTERVAL of several parts");
  only({ kind: "INTERVAL", body: unit }, "type", "unit", "use_plural");
  const part = stringOr(unit.unit, "").toUpperCase();
  return { count: intervalCount(context, body.this), part };
}

function intervalCount(context: Context, value: unknown): string {
  const node = optional(value, asNode);
  // The parser gives INTERVAL 5 DAY the number as a string; one that the author quoted has become '#n'.
  if (node?.kind === "literal" && node.body.literal_type === "string") {
    const text = stringOr(node.body.value, "");
    if (!/^\d+$/.test(text)) throw notImplemented("INTERVAL with a string");
    return `CAST(${text} AS BIGINT)`;
  }
  const expr = lower(context, value);
  if (!coercible(expr, INT64)) throw invalidQuery(`INTERVAL expects an INT64, not ${expr.type.kind}`);
  return coerce(expr, INT64).sql;
}
