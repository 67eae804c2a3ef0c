import type { TableRef } from "./port.ts";

/*
 * Names enter URLs and, in backticks, SQL text, where a parameter cannot stand: nothing but these characters may.
 * BigQuery allows more (spaces, letters beyond ASCII) than this platform uses.
 */
const PROJECT = /^[A-Za-z0-9][A-Za-z0-9.:-]{0,99}$/;
const NAME = /^[A-Za-z0-9_-]{1,1024}$/;
const TABLE_OR_PARTITION = /^[A-Za-z0-9_-]{1,1024}(\$[0-9]{4,10})?$/;
const COLUMN = /^[A-Za-z_][A-Za-z0-9_]{0,299}$/;

/** @throws TypeError when `name` is no dataset's name. */
export function datasetName(name: string): string {
  return checked("dataset", NAME, name);
}

/** @throws TypeError when `name` is no table's name. */
export function tableName(name: string): string {
  return checked("table", NAME, name);
}

/** A table's name, or a partition's: `table$20251115`. @throws TypeError */
export function destinationName(name: string): string {
  return checked("destination table", TABLE_OR_PARTITION, name);
}

/** @throws TypeError when `id` is not 1 to 1,024 of [A-Za-z0-9_-]. */
export function jobName(id: string): string {
  return checked("job id", NAME, id);
}

/** A column in SQL text. @throws TypeError */
export function column(name: string): string {
  return `\`${checked("column", COLUMN, name)}\``;
}

/** A dataset in SQL text: `project.dataset`. @throws TypeError */
export function qualifiedDataset(project: string, dataset: string): string {
  return `\`${checked("project", PROJECT, project)}.${datasetName(dataset)}\``;
}

/** A table in SQL text: `project.dataset.table`. @throws TypeError */
export function qualified(project: string, table: TableRef): string {
  const parts = [checked("project", PROJECT, project), datasetName(table.dataset), tableName(table.table)];
  return `\`${parts.join(".")}\``;
}

/**
 * Labels as they are, once BigQuery would take them: keys and values of at most 63 of [a-z0-9_-], a key from a letter.
 * @throws TypeError
 */
export function checkedLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  for (const [key, value] of Object.entries(labels)) {
    if (!/^[a-z][a-z0-9_-]{0,62}$/.test(key))
      throw new TypeError(`${JSON.stringify(key)} is no label's name`);
    if (!/^[a-z0-9_-]{0,63}$/.test(value)) {
      throw new TypeError(`${JSON.stringify(value)} is no value of the label ${key}: use lower case`);
    }
  }
  return { ...labels };
}

function checked(what: string, pattern: RegExp, name: string): string {
  if (!pattern.test(name)) throw new TypeError(`${JSON.stringify(name)} is no ${what}'s name`);
  return name;
}
