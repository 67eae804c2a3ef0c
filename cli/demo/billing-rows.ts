import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Field } from "@convergence/warehouse";
import { focusRows } from "./focus-sample.ts";
import { gcpRows } from "./gcp-sample.ts";

/** Billing rows to demonstrate with, all within November 2025. */
export interface BillingSample {
  /** Where the rows are from, to be printed. */
  source: string;
  fields: Field[];
  /** JSON rows; each has a `date`. */
  rows: Record<string, unknown>[];
  /** The column that holds the cost. */
  costColumn: string;
  /** A row's cost in billionths of the currency unit: NUMERIC's scale, exact. */
  cost(row: Record<string, unknown>): bigint;
}

const FOCUS_SAMPLE = path.join("..", "shared", "data", "cost-samples", "focus_1_0_sample_1000.csv");

/** The FOCUS sample of the FinOps Foundation where it lies beside the project, else rows made here. */
export function billingSample(root: string): BillingSample {
  const file = path.join(root, FOCUS_SAMPLE);
  return existsSync(file) ? focusRows(readFileSync(file, "utf8")) : gcpRows();
}

const SCALE = 9;

/** A decimal in billionths, rounded half away from zero, as BigQuery rounds to NUMERIC. */
export function billionths(decimal: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal);
  if (match === null) throw new RangeError(`not a decimal: ${decimal}`);
  const [, sign, whole = "0", fraction = ""] = match;
  const kept = BigInt(whole + fraction.slice(0, SCALE).padEnd(SCALE, "0"));
  const rounded = Number(fraction[SCALE] ?? "0") >= 5 ? kept + 1n : kept;
  return sign === "-" ? -rounded : rounded;
}

/** Billionths as a decimal without needless zeros. */
export function decimal(amount: bigint): string {
  const digits = String(amount < 0n ? -amount : amount).padStart(SCALE + 1, "0");
  const fraction = digits.slice(-SCALE).replace(/0+$/, "");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -SCALE)}${fraction === "" ? "" : `.${fraction}`}`;
}
