import assert from "node:assert/strict";
import { test } from "node:test";
import { type Kit, startKit } from "../test-kit.ts";

/** An expression and its value as CAST to STRING gives it. */
export type Case = [expression: string, expected: string | null];

/** A query that is refused with invalidQuery, and what its message says. */
export type Refusal = [query: string, message: RegExp];

/** Checks expressions against the values that the service gives (its documentation, its reference implementation). */
export function checkExpressions(what: string, cases: Case[]): void {
  test(what, async (t) => {
    const kit = await startKit(t);
    for (const [expression, expected] of cases)
      assert.equal(await textOf(kit, expression), expected, expression);
  });
}

async function textOf(kit: Kit, expression: string): Promise<unknown> {
  const [row] = await kit.rows(`SELECT CAST(${expression} AS STRING) AS v`);
  return typeof row === "object" && row !== null && "v" in row ? row.v : undefined;
}

/** Checks that queries are refused as the service refuses them. */
export function checkRefusals(what: string, cases: Refusal[]): void {
  test(what, async (t) => {
    const { client } = await startKit(t);
    for (const [query, message] of cases)
      await assert.rejects(client.query(query), { code: 400, message }, query);
  });
}
