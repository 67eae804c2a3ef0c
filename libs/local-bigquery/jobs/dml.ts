import { chunksOf, type Session } from "../catalog/session.ts";
import type { Transaction } from "../catalog/transaction.ts";
import { invalidQuery } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { type Dml, TWICE } from "../sql/dml.ts";
import { runLowered, type Values } from "./running.ts";

/** How many rows a DML statement changed. */
export interface Counts {
  all: number;
  /** By how many rows the table grew. */
  growth: number;
  statistics: JsonObject;
}

/** Runs a MERGE that cannot return its actions: how many of each there were follows from the table's growth. */
async function runReckoned(
  session: Session,
  plan: Dml,
  insertCount: string,
  values: Values,
): Promise<Counts> {
  const count = async (sql: string): Promise<number> =>
    Number((await (await runLowered(session, sql, values)).getRows())[0]?.[0] ?? 0);
  const size = `SELECT count(*) FROM ${plan.target.duck}`;
  const inserted = await count(insertCount);
  const before = await count(size);
  const { rowsChanged } = await runLowered(session, plan.sql, values);
  const deleted = inserted - ((await count(size)) - before);
  return countsOf({ inserted, deleted, updated: rowsChanged - inserted - deleted });
}

async function hasRows(session: Session, sql: string, values: Values): Promise<boolean> {
  return (await runLowered(session, sql, values)).rowCount > 0;
}

/** Runs a lowered DML statement, after checking that no row would be changed twice. */
export async function runDml(transaction: Transaction, plan: Dml, values: Values): Promise<Counts> {
  const { session } = transaction;
  const quick = plan.quickCheck === undefined || (await hasRows(session, plan.quickCheck, values));
  if (quick && plan.check !== undefined && (await hasRows(session, plan.check, values)))
    throw invalidQuery(TWICE);
  if (plan.insertCount !== undefined) return runReckoned(session, plan, plan.insertCount, values);
  const result = await runLowered(session, plan.sql, values);
  if (plan.statementType !== "MERGE") {
    const kind =
      plan.statementType === "INSERT" ? "inserted" : plan.statementType === "UPDATE" ? "updated" : "deleted";
    return countsOf({ [kind]: result.rowsChanged });
  }
  const actions: Record<string, number> = { inserted: 0, updated: 0, deleted: 0 };
  for (const chunk of chunksOf(result)) {
    for (const action of chunk.getColumnValues(0)) {
      const kind = action === "INSERT" ? "inserted" : action === "UPDATE" ? "updated" : "deleted";
      actions[kind] = (actions[kind] ?? 0) + 1;
    }
  }
  return countsOf(actions);
}

function countsOf({ inserted = 0, updated = 0, deleted = 0 }: Record<string, number>): Counts {
  const all = inserted + updated + deleted;
  return {
    all,
    growth: inserted - deleted,
    statistics: {
      numDmlAffectedRows: String(all),
      dmlStats: {
        insertedRowCount: String(inserted),
        updatedRowCount: String(updated),
        deletedRowCount: String(deleted),
      },
    },
  };
}
