export { type BigQueryWarehouseOptions, bigQueryWarehouse } from "./bigquery/warehouse.ts";
export * from "./memory/warehouse.ts";
export { checkMerge } from "./merge/check.ts";
export { mergeStatement } from "./merge/statement.ts";
export { meteredWarehouse } from "./metered.ts";
export * from "./port.ts";
