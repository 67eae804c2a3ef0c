/** What a column's name is made of. */
export const COLUMN_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,299}$/;

/** The types that a column may have wherever one is declared, as BigQuery's REST API names them. */
export const COLUMN_TYPES = [
  "STRING",
  "BYTES",
  "INTEGER",
  "FLOAT",
  "NUMERIC",
  "BOOLEAN",
  "TIMESTAMP",
  "DATE",
  "DATETIME",
  "TIME",
  "JSON",
] as const;

export const COLUMN_MODES = ["NULLABLE", "REQUIRED", "REPEATED"] as const;
