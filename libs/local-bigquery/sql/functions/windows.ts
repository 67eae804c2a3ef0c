import { invalidQuery, notImplemented } from "../../errors.ts";
import { isObject, stringOr } from "../../json.ts";
import { asList, asNode, at, type Node, only } from "../ast.ts";
import { coerce, coercible, unify } from "../coerce.ts";
import { type Expr, untypedNull } from "../expr.ts";
import { type Context, lower } from "../lower-expr.ts";
import { orderKeys, readOrderItem } from "../ordering.ts";
import { FLOAT64, INT64, isGroupable, typeName } from "../types.ts";
import { lowerAggregate } from "./aggregates.ts";

/** Lowers function OVER (...). */
export function lowerWindow(context: Context, node: Node): Expr {
  const body = only(node, "this", "over");
  const from = context.scope.from;
  const inner: Context = from ? { ...context, scope: from } : context;
  const call = asNode(body.this);
  const over = lowerOver(inner, body.over, call.kind);
  const made = NUMBERING[call.kind]?.(inner, call, over) ?? lowerAggregate(inner, call, over);
  if (made === undefined) throw notImplemented(`analytic function ${call.kind.replaceAll("_", " ")}`);
  return { ...made, where: at(context.analysis.source, node.body) };
}

type Numbering = (context: Context, node: Node, over: string) => Expr;

const plain = (duck: string, type: Expr["type"]): Numbering => {
  return (_, node, over) => {
    only(node);
    return { sql: `${duck}()${over}`, type };
  };
};

const FRAME_FREE = new Set([
  "row_number",
  "rank",
  "dense_rank",
  "percent_rank",
  "cume_dist",
  "n_tile",
  "lag",
  "lead",
]);

/** Numbering and navigation functions, by the parser's node kind. */
const NUMBERING: Record<string, Numbering> = {
  row_number: plain("row_number", INT64),
  rank: plain("rank", INT64),
  dense_rank: plain("dense_rank", INT64),
  percent_rank: plain("percent_rank", FLOAT64),
  cume_dist: plain("cume_dist", FLOAT64),
  n_tile: (context, node, over) => {
    const buckets = lower(context, only(node, "num_buckets").num_buckets);
    return { sql: `ntile(${buckets.sql})${over}`, type: INT64 };
  },
  lag: (context, node, over) => offset("lag", context, node, over),
  lead: (context, node, over) => offset("lead", context, node, over),
  first_value: (context, node, over) => value("first_value", context, node, over),
  last_value: (context, node, over) => value("last_value", context, node, over),
  nth_value: (context, node, over) => {
    const body = only(node, "this", "offset", "ignore_nulls");
    const expr = lower(context, body.this);
    const nulls = body.ignore_nulls === true ? " IGNORE NULLS" : "";
    return {
      sql: `nth_value(${expr.sql}, ${lower(context, body.offset).sql}${nulls})${over}`,
      type: expr.type,
    };
  },
};

function offset(duck: string, context: Context, node: Node, over: string): Expr {
  const body = only(node, "this", "offset", "default");
  const given = lower(context, body.this);
  const other = isObject(body.default) ? lower(context, body.default) : untypedNull();
  const { exprs, type } = unify([given, other], `analytic function ${duck.toUpperCase()}`);
  const by = isObject(body.offset) ? lower(context, body.offset) : undefined;
  if (by && !coercible(by, INT64)) throw invalidQuery(`The offset of ${duck.toUpperCase()} must be an INT64`);
  const distance = by ? coerce(by, INT64).sql : "1";
  return { sql: `${duck}(${exprs[0]?.sql}, ${distance}, ${exprs[1]?.sql})${over}`, type };
}

function value(duck: string, context: Context, node: Node, over: string): Expr {
  const body = only(node, "this", "ignore_nulls");
  const expr = lower(context, body.this);
  return {
    sql: `${duck}(${expr.sql}${body.ignore_nulls === true ? " IGNORE NULLS" : ""})${over}`,
    type: expr.type,
  };
}

function lowerOver(context: Context, value: unknown, kind: string): string {
  if (!isObject(value)) throw notImplemented("this OVER clause");
  const body = only({ kind: "OVER", body: value }, "partition_by", "order_by", "frame");
  const parts: string[] = [];
  const partition = asList(body.partition_by).map((item) => {
    const expr = lower(context, item);
    if (!isGroupable(expr.type))
      throw invalidQuery(`Partitioning by expressions of type ${typeName(expr.type)} is not allowed`);
    return expr.sql;
  });
  if (partition.length > 0) parts.push(`PARTITION BY ${partition.join(", ")}`);
  const order = asList(body.order_by).map((raw) => {
    const item = readOrderItem(raw);
    const expr = lower(context, item.value);
    const frame = body.frame;
    if (expr.type.kind === "FLOAT64" && isObject(frame) && frame.kind === "Range")
      throw notImplemented("RANGE over a FLOAT64");
    return orderKeys(expr.sql, expr.type, item, "");
  });
  if (order.length > 0) parts.push(`ORDER BY ${order.join(", ")}`);
  if (isObject(body.frame)) {
    if (FRAME_FREE.has(kind)) throw invalidQuery("Window framing is not allowed for this analytic function");
    parts.push(frameSql(context, body.frame));
  }
  return ` OVER (${parts.join(" ")})`;
}

function frameSql(context: Context, frame: Record<string, unknown>): string {
  const kind = stringOr(frame.kind, "").toUpperCase();
  if (kind !== "ROWS" && kind !== "RANGE") throw notImplemented(`${kind} in a window frame`);
  if (isObject(frame.exclude) || typeof frame.exclude === "string")
    throw notImplemented("EXCLUDE in a window frame");
  const start = boundary(context, frame.start, kind);
  const end =
    frame.end === null || frame.end === undefined ? "CURRENT ROW" : boundary(context, frame.end, kind);
  return `${kind} BETWEEN ${start} AND ${end}`;
}

const BOUNDARIES: Record<string, string> = {
  UnboundedPreceding: "UNBOUNDED PRECEDING",
  UnboundedFollowing: "UNBOUNDED FOLLOWING",
  CurrentRow: "CURRENT ROW",
};

function boundary(context: Context, value: unknown, kind: string): string {
  if (typeof value === "string" && BOUNDARIES[value] !== undefined) return BOUNDARIES[value];
  if (isObject(value)) {
    const [side, distance] = Object.entries(value)[0] ?? [];
    if ((side === "Preceding" || side === "Following") && kind === "ROWS") {
      const expr = lower(context, distance);
      if (expr.type.kind !== "INT64") throw invalidQuery("Window frame bounds must be INT64");
      return `${expr.sql} ${side.toUpperCase()}`;
    }
  }
  throw notImplemented(`this window frame bound (${kind})`);
}
