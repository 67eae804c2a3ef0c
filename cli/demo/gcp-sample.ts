import type { Field } from "@convergence/warehouse";
import { type BillingSample, billionths } from "./billing-rows.ts";

const DAYS = 30;
const ROWS_PER_DAY = 40;
const DAY_MS = 86_400_000;
const FIRST_DAY = Date.UTC(2025, 10, 1);

/** Services of the export, each with a SKU, a unit and a list price in millionths of a dollar per unit. */
const SERVICES = [
  { id: "6F81-5844-456A", name: "Compute Engine", sku: "N2 Instance Core", unit: "hour", micros: 31_611 },
  {
    id: "95FF-2EF5-5EA1",
    name: "Cloud Storage",
    sku: "Standard Storage US",
    unit: "gibibyte month",
    micros: 26_000,
  },
  { id: "24E6-581D-38E5", name: "BigQuery", sku: "Analysis", unit: "tebibyte", micros: 6_250_000 },
  {
    id: "A1E8-BE35-7EBC",
    name: "Cloud Pub/Sub",
    sku: "Message Delivery Basic",
    unit: "tebibyte",
    micros: 40_000_000,
  },
] as const;
const PROJECTS = ["web-prod", "data-prod", "ml-staging"] as const;
const REGIONS = ["us-central1", "europe-west3"] as const;

const record = (name: string, fields: Field[], mode: Field["mode"] = "NULLABLE"): Field => ({
  name,
  type: "RECORD",
  mode,
  fields,
});
const text = (name: string): Field => ({ name, type: "STRING" });

/** Google's documented shape of the standard usage cost export, and a DATE column `date`. */
const FIELDS: Field[] = [
  { name: "date", type: "DATE" },
  text("billing_account_id"),
  record("service", [text("id"), text("description")]),
  record("sku", [text("id"), text("description")]),
  { name: "usage_start_time", type: "TIMESTAMP" },
  { name: "usage_end_time", type: "TIMESTAMP" },
  record("project", [text("id"), text("name")]),
  record("labels", [text("key"), text("value")], "REPEATED"),
  record("location", [text("location"), text("region")]),
  { name: "export_time", type: "TIMESTAMP" },
  { name: "cost", type: "FLOAT" },
  text("currency"),
  record("usage", [{ name: "amount", type: "FLOAT" }, text("unit")]),
  record("credits", [text("name"), text("type"), { name: "amount", type: "FLOAT" }], "REPEATED"),
  record("invoice", [text("month")]),
  text("cost_type"),
];

/** The same rows at every call: November 2025 of a small organisation. */
export function gcpRows(): BillingSample {
  const rows = Array.from({ length: DAYS * ROWS_PER_DAY }, (_, index) => row(index));
  return {
    source: "rows made here in the shape of Google Cloud's billing export",
    fields: FIELDS,
    rows,
    costColumn: "cost",
    cost: ({ cost }) => billionths(Number(cost).toFixed(6)),
  };
}

function row(index: number): Record<string, unknown> {
  const day = FIRST_DAY + Math.floor(index / ROWS_PER_DAY) * DAY_MS;
  const start = day + (index % 24) * 3_600_000;
  const service = pick(SERVICES, index);
  const amount = 1 + ((index * 7_919) % 97);
  const region = pick(REGIONS, index >> 2);
  return {
    date: new Date(day).toISOString().slice(0, 10),
    billing_account_id: "01A2B3-C4D5E6-F7A8B9",
    service: { id: service.id, description: service.name },
    sku: { id: `${service.id.slice(0, 4)}-${service.id.slice(-4)}`, description: service.sku },
    usage_start_time: new Date(start).toISOString(),
    usage_end_time: new Date(start + 3_600_000).toISOString(),
    project: { id: pick(PROJECTS, index), name: pick(PROJECTS, index) },
    labels: [{ key: "team", value: index % 2 === 0 ? "platform" : "research" }],
    location: { location: region, region },
    export_time: new Date(day + 2 * DAY_MS).toISOString(),
    // Whole millionths: exact in NUMERIC, whatever the FLOAT's last bits are.
    cost: (amount * service.micros) / 1_000_000,
    currency: "USD",
    usage: { amount, unit: service.unit },
    credits: index % 5 === 0 ? [{ name: "Free tier", type: "FREE_TIER", amount: -0.01 }] : [],
    invoice: { month: "202511" },
    cost_type: "regular",
  };
}

function pick<T>(from: readonly [T, ...T[]] | readonly T[], index: number): T {
  const picked = from[index % from.length];
  if (picked === undefined) throw new RangeError("nothing to pick from");
  return picked;
}
