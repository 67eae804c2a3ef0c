import type { Field, FieldType } from "@convergence/warehouse";
import { parse } from "csv-parse/sync";
import { type BillingSample, billionths, decimal } from "./billing-rows.ts";

const DAY_MS = 86_400_000;
/** The sample's first month begins here once shifted, so that 2025-11-15 is among its days. */
const SHIFTED_TO = Date.UTC(2025, 10, 1);

/** Columns of FOCUS 1.0 that are no text (Cost and Usage data set, "Data type"). */
const TYPES: Record<string, FieldType> = {
  BilledCost: "NUMERIC",
  ConsumedQuantity: "NUMERIC",
  ContractedCost: "NUMERIC",
  ContractedUnitPrice: "NUMERIC",
  EffectiveCost: "NUMERIC",
  ListCost: "NUMERIC",
  ListUnitPrice: "NUMERIC",
  PricingQuantity: "NUMERIC",
  BillingPeriodStart: "TIMESTAMP",
  BillingPeriodEnd: "TIMESTAMP",
  ChargePeriodStart: "TIMESTAMP",
  ChargePeriodEnd: "TIMESTAMP",
  Tags: "JSON",
};

type Row = Record<string, string>;

/** The FOCUS sample's rows, shifted into November 2025, with a `date`: the day that the charge began. */
export function focusRows(csv: string): BillingSample {
  const rows: Row[] = parse(csv, { columns: true });
  const columns = Object.keys(rows[0] ?? {});
  const shift = shiftOf(rows);
  const fields: Field[] = [
    { name: "date", type: "DATE" },
    ...columns.map((name): Field => ({ name, type: TYPES[name] ?? "STRING" })),
  ];
  return {
    source: "FOCUS 1.0 sample of the FinOps Foundation (anonymised real costs, CC-BY-4.0), days shifted",
    fields,
    rows: rows.map((row) => convert(row, columns, shift)),
    costColumn: "BilledCost",
    cost: (row) => billionths(String(row.BilledCost)),
  };
}

function shiftOf(rows: Row[]): number {
  const first = Math.min(...rows.map((row) => utc(row.ChargePeriodStart ?? "")));
  const month = new Date(first);
  return SHIFTED_TO - Date.UTC(month.getUTCFullYear(), month.getUTCMonth(), 1);
}

function convert(row: Row, columns: string[], shift: number): Record<string, unknown> {
  const day = Math.floor((utc(row.ChargePeriodStart ?? "") + shift) / DAY_MS) * DAY_MS;
  const converted: Record<string, unknown> = { date: new Date(day).toISOString().slice(0, 10) };
  for (const column of columns) converted[column] = value(row[column] ?? "", TYPES[column], shift);
  return converted;
}

function value(text: string, type: FieldType | undefined, shift: number): unknown {
  if (text === "" || text === "NULL") return null;
  if (type === "NUMERIC") return decimal(billionths(text));
  if (type === "TIMESTAMP") return new Date(utc(text) + shift).toISOString();
  if (type === "JSON") return JSON.parse(text);
  return text;
}

/** The sample's "2024-09-18 23:00:00" is UTC. */
function utc(text: string): number {
  return Date.parse(`${text.replace(" ", "T")}Z`);
}
