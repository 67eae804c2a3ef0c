import { BigQueryError, invalidQuery, notImplemented } from "../errors.ts";
import { type Analysis, type Bind, childScope, type TableLookup, type TableView } from "./analysis.ts";
import { asList, type Node, only, parseStatement } from "./ast.ts";
import { coerce, coercible } from "./coerce.ts";
import { type Ddl, DdlReader } from "./ddl.ts";
import { type Dml, lowerDelete, lowerInsert, lowerUpdate } from "./dml.ts";
import { place, type Token } from "./lex.ts";
import { lower } from "./lower-expr.ts";
import { lowerMerge } from "./merge.ts";
import { lowerQuery, type Query, resultNames } from "./query.ts";
import type { Routine, RoutineLookup } from "./routines.ts";
import { readProcedure } from "./script.ts";
import { makeSource, type Source, statementsOf } from "./source.ts";
import { checkRoutine } from "./sql-functions.ts";
import { type Type, typeName } from "./types.ts";

/** What a statement is lowered against. */
export interface Surroundings {
  findTable: TableLookup;
  findRoutine: RoutineLookup;
  /** Types of the query parameters by lower-case name; positional ones are called __positional_0, ... */
  params: ReadonlyMap<string, Type>;
  /** Functions that the script made, by upper-case name. */
  functions?: ReadonlyMap<string, Routine>;
}

export interface SelectStatement {
  kind: "select";
  query: Query;
  /** The result's column names, unnamed ones made f0_, f1_, ... */
  names: string[];
}

export type Plan = SelectStatement | Dml | { kind: "ddl"; ddl: Ddl; query: SelectStatement | undefined };

/** A lowered statement, ready to run. */
export interface Statement {
  plan: Plan;
  /** What $1, $2, ... stand for. */
  binds: Bind[];
  referenced: TableView[];
}

const QUERIES = new Set(["SELECT", "WITH", "("]);
const CHANGES = new Set(["INSERT", "UPDATE", "DELETE", "MERGE"]);
const DEFINITIONS = new Set(["ALTER", "CREATE", "DROP", "TRUNCATE"]);
const REFUSED =
  /^(ASSERT|BEGIN|BREAK|CALL|CASE|COMMIT|CONTINUE|DECLARE|DESCRIBE|ELSE|ELSEIF|END|EXECUTE|EXPLAIN|EXPORT|FOR|FROM|GRANT|IF|IMPORT|ITERATE|LEAVE|LOAD|LOOP|RAISE|REPEAT|RETURN|REVOKE|ROLLBACK|SET|SHOW|START|UNDROP|WHILE)$/;

/** How many statements a text has; refuses one that none of them may be, before any is run. */
export function countStatements(text: string): number {
  if (!text.includes(";")) return 1;
  const statements = statementsOf(text);
  if (statements.length > 1)
    for (const tokens of statements) {
      if (DEFINITIONS.has(checkKind(text, tokens))) new DdlReader(text, [...tokens]).read();
    }
  return statements.length;
}

/**
 * Reads and lowers one statement of a text, the first unless told otherwise. Throws BigQueryError: invalidQuery where
 * the service would refuse it, notFound for a missing table, notImplemented for what is not lowered.
 */
export function lowerStatement(text: string, surroundings: Surroundings, index = 0): Statement {
  const tokens = statementsOf(text)[index];
  if (tokens === undefined) throw invalidQuery("Syntax error: Unexpected end of statement");
  return lowerTokens(text, tokens, surroundings);
}

/** The same of tokens that are one statement of the text. */
export function lowerTokens(text: string, tokens: Token[], surroundings: Surroundings): Statement {
  const word = checkKind(text, tokens);
  try {
    if (DEFINITIONS.has(word)) return lowerDdl(text, tokens, surroundings);
    return lowerParsed(text, withInto(tokens), surroundings);
  } catch (error) {
    if (error instanceof RangeError) throw notImplemented("a statement nested this deep");
    throw error;
  }
}

/** The word that a statement begins with; refuses what is no statement, or none that is lowered. */
function checkKind(text: string, [first]: Token[]): string {
  const word = first?.text.toUpperCase() ?? "";
  if (DEFINITIONS.has(word) || QUERIES.has(word) || CHANGES.has(word)) return word;
  if (REFUSED.test(word)) throw notImplemented(`${word} statements`);
  const what = first?.kind === "word" ? `identifier "${first.text}"` : `"${first?.text}"`;
  throw invalidQuery(`Syntax error: Unexpected ${what} at ${place(text, first?.start ?? 0)}`);
}

/** INSERT may leave INTO out, which the parser does not know. */
function withInto(tokens: Token[]): Token[] {
  const [first, second] = tokens;
  if (first?.text.toUpperCase() !== "INSERT" || second?.text.toUpperCase() === "INTO") return tokens;
  const into: Token = { kind: "word", text: "INTO", value: "INTO", start: first.end, end: first.end };
  return [first, into, ...tokens.slice(1)];
}

/** A lowered expression without names of columns: what a script computes. */
export interface LoweredExpression {
  sql: string;
  type: Type;
  binds: Bind[];
  referenced: TableView[];
}

/** Lowers an expression of a script; to the type, where one is asked for and GoogleSQL coerces to it. */
export function lowerExpression(
  text: string,
  tokens: Token[],
  surroundings: Surroundings,
  to: Type | undefined,
): LoweredExpression {
  const [first] = tokens;
  if (first === undefined) throw invalidQuery("Syntax error: Expected an expression");
  const select: Token = {
    kind: "word",
    text: "SELECT",
    value: "SELECT",
    start: first.start,
    end: first.start,
  };
  const source = makeSource(text, [select, ...tokens]);
  const analysis = startAnalysis(source, surroundings);
  const [value, ...more] = asList(only(parseStatement(source), "expressions").expressions);
  if (value === undefined || more.length > 0) throw invalidQuery("Syntax error: Expected one expression");
  const expr = lower({ analysis, scope: childScope(undefined) }, value);
  if (to && !coercible(expr, to))
    throw invalidQuery(
      `Cannot coerce expression of type ${typeName(expr.type)} to type ${typeName(to)} at ${place(text, first.start)}`,
    );
  const { sql, type } = to ? coerce(expr, to) : expr;
  return { sql, type, binds: analysis.binds, referenced: [...analysis.referenced.values()] };
}

function startAnalysis(source: Source, surroundings: Surroundings): Analysis {
  const { functions = new Map(), ...names } = surroundings;
  return { ...names, source, functions, binds: [], referenced: new Map(), views: [], counter: 0 };
}

function lowerParsed(text: string, tokens: Token[], surroundings: Surroundings): Statement {
  const source = makeSource(text, tokens);
  const node = parseStatement(source);
  const analysis = startAnalysis(source, surroundings);
  const plan = lowerNode(analysis, node);
  return { plan, binds: analysis.binds, referenced: [...analysis.referenced.values()] };
}

function lowerNode(analysis: Analysis, node: Node): Plan {
  switch (node.kind) {
    case "insert":
      return lowerInsert(analysis, node);
    case "update":
      return lowerUpdate(analysis, node);
    case "delete":
      return lowerDelete(analysis, node);
    case "merge":
      return lowerMerge(analysis, node);
    default:
      return select(lowerQuery(analysis, { [node.kind]: node.body }, undefined));
  }
}

function select(query: Query): SelectStatement {
  return { kind: "select", query, names: resultNames(query.columns) };
}

function lowerDdl(text: string, tokens: Token[], surroundings: Surroundings): Statement {
  const ddl = new DdlReader(text, [...tokens]).read();
  if (ddl.kind === "create_routine") {
    if (ddl.made.kind === "PROCEDURE") readProcedure(ddl.made);
    else checkRoutine(startAnalysis(makeSource(text, []), surroundings), ddl.made);
  }
  if ((ddl.kind !== "create_table" && ddl.kind !== "create_view") || ddl.query === undefined)
    return { plan: { kind: "ddl", ddl, query: undefined }, binds: [], referenced: [] };
  const inner = lowerParsed(text, ddl.query, surroundings);
  if (inner.plan.kind !== "select")
    throw new BigQueryError("invalidQuery", "CREATE ... AS needs a query", "query");
  if (ddl.kind === "create_view" && inner.binds.some((bind) => bind.kind === "param"))
    throw invalidQuery("Query parameters cannot be used in a view");
  if (!ddl.columns?.length)
    checkNames(inner.plan, ddl.kind === "create_view" ? "CREATE VIEW" : "CREATE TABLE");
  return { ...inner, plan: { kind: "ddl", ddl, query: inner.plan } };
}

/** A table's or view's columns need names, each its own. */
function checkNames({ query }: SelectStatement, what: string): void {
  const seen = new Set<string>();
  for (const [i, { name }] of query.columns.entries()) {
    if (name === null) throw invalidQuery(`${what} columns must be named, but column ${i + 1} has no name`);
    if (seen.has(name.toLowerCase())) throw invalidQuery(`${what} has columns with duplicate name ${name}`);
    seen.add(name.toLowerCase());
  }
}
