import type { Catalog } from "../catalog/catalog.ts";
import type { TableName } from "../catalog/names.ts";
import { type Field, fieldOfType, schemaJson } from "../catalog/schema.ts";
import { chunksOf, type Session } from "../catalog/session.ts";
import type { Store } from "../catalog/store.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { BigQueryError, invalidQuery } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { lowerStatement, type SelectStatement, type Statement } from "../sql/statement.ts";
import { type Type, typeName } from "../sql/types.ts";
import type { QueryConfiguration } from "./configuration.ts";
import { columnField, type Defined, runDdl } from "./definitions.ts";
import { fieldsOf, writeDestination } from "./destination.ts";
import { runDml } from "./dml.ts";
import type { Outcome } from "./jobs.ts";
import { routineReference } from "./routine-definitions.ts";
import { encodeChunk, type Row } from "./rows.ts";
import { runLowered, type Values } from "./running.ts";
import type { Sizes } from "./sizes.ts";

/** Lowered statements that are kept, and the longest text worth it (characters). */
const CACHE = 500;
const LONGEST_CACHED = 20_000;

/** Lowers statements, and keeps those that it lowered last. */
export class Lowering {
  readonly #cache = new Map<string, Statement>();

  /** `index`: which of a script's statements. */
  lower(catalog: Catalog, project: string, query: QueryConfiguration, index = 0): Statement {
    const types = [...query.parameters].map(([name, p]) => [name, typeName(p.type)]);
    const key = JSON.stringify([query.sql, index, project, query.defaultDataset, types, catalog.version]);
    const cached = this.#cache.get(key);
    if (cached) return cached;
    const statement = this.lowerAfresh(catalog, project, query, index);
    if (query.sql.length > LONGEST_CACHED) return statement;
    if (this.#cache.size >= CACHE) this.#cache.delete(this.#cache.keys().next().value ?? "");
    this.#cache.set(key, statement);
    return statement;
  }

  /** Lowers without keeping it: against a catalog that may never be committed. */
  lowerAfresh(catalog: Catalog, project: string, query: QueryConfiguration, index: number): Statement {
    const params = new Map<string, Type>([...query.parameters].map(([name, p]) => [name, p.type]));
    return lowerStatement(query.sql, { ...catalog.names(project, query.defaultDataset), params }, index);
  }
}

/** Whether the job only reads: it then needs no transaction. */
export function onlyReads(statement: Statement, query: QueryConfiguration): boolean {
  return statement.plan.kind === "select" && query.destination === undefined;
}

export function valuesOf(statement: Statement, query: QueryConfiguration, now: number): Values {
  return { binds: statement.binds, parameters: query.parameters, now };
}

const reference = (name: TableName): JsonObject => ({
  projectId: name.project,
  datasetId: name.dataset,
  tableId: name.table,
});

interface Facts {
  statementType: string;
  bytes: number;
  statement: Statement;
  /** Rows that the job wrote (or of its result): the last stage's recordsWritten. */
  written: number;
}

function statisticsOf(
  { statementType, bytes, statement, written }: Facts,
  more: JsonObject = {},
): JsonObject {
  const billed = billedBytes(bytes);
  const referenced = statement.referenced.map((t) => reference(t.name));
  const totals = {
    totalBytesProcessed: String(bytes),
    totalBytesBilled: String(billed),
    totalSlotMs: "1",
    cacheHit: false,
  };
  return {
    totalBytesProcessed: String(bytes),
    totalSlotMs: "1",
    query: {
      ...totals,
      statementType,
      totalPartitionsProcessed: "0",
      ...(referenced.length > 0 ? { referencedTables: referenced } : {}),
      queryPlan: [
        {
          name: "S00: Output",
          id: "0",
          status: "COMPLETE",
          recordsRead: "0",
          recordsWritten: String(written),
        },
      ],
      ...more,
    },
  };
}

/** Statistics of a dry run: what the query would read and give. */
export async function dryRun(store: Store, sizes: Sizes, statement: Statement): Promise<JsonObject> {
  const { plan } = statement;
  const bytes = await store.read((session) => sizes.bytes(session, statement.referenced));
  const facts = { statementType: typeOf(statement), bytes, statement, written: 0 };
  const fields = resultFields(plan);
  const schema: JsonObject = fields ? { schema: schemaJson(fields) } : {};
  return statisticsOf(facts, schema);
}

/** The schema that a statement's result has: for DML and CREATE TABLE that of the table. */
function resultFields(plan: Statement["plan"]): Field[] | undefined {
  if (plan.kind === "select") return fieldsOf(plan);
  if (plan.kind === "dml") return plan.target.columns.map((c) => fieldOfType(c.name, c.type, c.required));
  if (plan.query) return fieldsOf(plan.query);
  return plan.ddl.kind === "create_table" ? plan.ddl.columns?.map(columnField) : undefined;
}

function typeOf({ plan }: Statement): string {
  if (plan.kind === "select") return "SELECT";
  if (plan.kind === "dml") return plan.statementType;
  if (plan.ddl.kind === "create_table") return plan.query ? "CREATE_TABLE_AS_SELECT" : "CREATE_TABLE";
  if (plan.ddl.kind === "create_view" && plan.ddl.materialized) return "CREATE_MATERIALIZED_VIEW";
  return plan.ddl.kind === "truncate" ? "TRUNCATE_TABLE" : plan.ddl.kind.toUpperCase();
}

/** Runs a query without effect. */
export async function runSelect(
  session: Session,
  sizes: Sizes,
  statement: Statement,
  plan: SelectStatement,
  values: Values,
  maximumBytes: number | undefined,
): Promise<Outcome> {
  const bytes = await sizes.bytes(session, statement.referenced);
  checkBilled(bytes, maximumBytes);
  const result = await runLowered(session, plan.query.sql, values);
  const rows: Row[] = [];
  const types = plan.query.columns.map((c) => c.type);
  for (const chunk of chunksOf(result)) encodeChunk(chunk, types, rows);
  return {
    statistics: statisticsOf({ statementType: "SELECT", bytes, statement, written: rows.length }),
    result: { fields: fieldsOf(plan), rows },
  };
}

/** Bytes that a query bills: at least 10 MiB where it reads anything. */
function billedBytes(bytes: number): number {
  return bytes === 0 ? 0 : Math.max(10 * 1024 * 1024, bytes);
}

function checkBilled(bytes: number, maximum: number | undefined): void {
  const billed = billedBytes(bytes);
  if (maximum !== undefined && billed > maximum)
    throw new BigQueryError(
      "bytesBilledLimitExceeded",
      `Query exceeded limit for bytes billed: ${maximum}. ${billed} or higher required.`,
    );
}

export interface Effect {
  transaction: Transaction;
  store: Store;
  sizes: Sizes;
  project: string;
  location: string;
  query: QueryConfiguration;
  now: number;
}

/** Runs a statement within the transaction. */
export async function runEffect(effect: Effect, statement: Statement): Promise<Outcome> {
  const { plan } = statement;
  const { transaction, sizes, query } = effect;
  const values = valuesOf(statement, query, effect.now);
  const bytes = await sizes.bytes(transaction.session, statement.referenced);
  checkBilled(bytes, query.maximumBytes);
  const facts = { statementType: typeOf(statement), bytes, statement };
  if (plan.kind === "dml") {
    if (query.destination) throw invalidQuery("Cannot set destination table in jobs with DML statements");
    const counts = await runDml(transaction, plan, values);
    sizes.change(plan.target.duck, counts.growth);
    return {
      statistics: statisticsOf(
        { ...facts, written: counts.all },
        { ...counts.statistics, schema: schemaJson(resultFields(plan) ?? []) },
      ),
      result: undefined,
    };
  }
  if (plan.kind === "ddl") {
    if (query.destination) throw invalidQuery("Cannot set destination table in jobs with DDL statements");
    sizes.forgetAll();
    return ddlOutcome(statement, await defineWith(effect, statement, values), bytes);
  }
  if (!query.destination)
    return runSelect(transaction.session, sizes, statement, plan, values, query.maximumBytes);
  const written = { statement: plan, referenced: statement.referenced, values };
  const rows = await writeDestination(transaction, query.destination, written, () =>
    effect.store.creationTime(),
  );
  sizes.forgetAll();
  return { statistics: statisticsOf({ ...facts, written: rows }), result: undefined };
}

function defineWith(effect: Effect, statement: Statement, values: Values): Promise<Defined> {
  const { plan } = statement;
  if (plan.kind !== "ddl") throw new Error("not DDL");
  const written = plan.query
    ? { statement: plan.query, referenced: statement.referenced, values }
    : undefined;
  const scope = {
    transaction: effect.transaction,
    project: effect.project,
    defaultDataset: effect.query.defaultDataset,
    location: effect.location,
    now: () => effect.now,
    creationTime: () => effect.store.creationTime(),
  };
  return runDdl(scope, plan.ddl, written);
}

function ddlOutcome(statement: Statement, done: Defined, bytes: number): Outcome {
  const more: JsonObject = { ddlOperationPerformed: done.operation };
  const fields = resultFields(statement.plan);
  if (fields) more.schema = schemaJson(fields);
  if (done.target) more.ddlTargetTable = reference(done.target);
  if (done.routine) more.ddlTargetRoutine = routineReference(done.routine);
  if (done.deleted !== undefined) {
    more.numDmlAffectedRows = String(done.deleted);
    more.dmlStats = { deletedRowCount: String(done.deleted) };
  }
  return {
    statistics: statisticsOf(
      { statementType: done.statementType, bytes, statement, written: done.rows },
      more,
    ),
    result: undefined,
  };
}
