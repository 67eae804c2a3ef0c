import { isObject, type Json, type JsonObject } from "../json.ts";

/** What a client may set on a dataset; it is kept and shown as given. */
export const SETTABLE_DATASET = [
  "friendlyName",
  "description",
  "location",
  "labels",
  "access",
  "defaultTableExpirationMs",
  "defaultPartitionExpirationMs",
  "maxTimeTravelHours",
  "storageBillingModel",
  "resourceTags",
];

/** What a client may set on a table, its schema aside. */
export const SETTABLE_TABLE = [
  "friendlyName",
  "description",
  "labels",
  "expirationTime",
  "timePartitioning",
  "rangePartitioning",
  "clustering",
  "requirePartitionFilter",
  "resourceTags",
];

/** The settable parts of a body. Null stays, so that a PATCH can take a part away. */
export function settable(body: JsonObject, keys: string[]): JsonObject {
  return Object.fromEntries(keys.flatMap((key) => (body[key] === undefined ? [] : [[key, body[key]]])));
}

/** JSON merge patch: null removes; labels merge key by key. */
export function mergePatch(current: JsonObject, patch: JsonObject): JsonObject {
  const merged: JsonObject = { ...current };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || value === undefined) delete merged[key];
    else if (key === "labels" && isObject(value) && isObject(current.labels))
      merged.labels = mergePatch(current.labels, value);
    else merged[key] = value;
  }
  return merged;
}

/** "labels.k:v labels.k": whether labels pass a list's filter. */
export function matchesFilter(labels: Json | undefined, filter: string | null): boolean {
  if (filter === null || filter.trim() === "") return true;
  const own = isObject(labels) ? labels : {};
  return filter
    .trim()
    .split(/\s+/)
    .every((term) => {
      const [, key = "", value] = /^labels\.([^:]+)(?::(.*))?$/.exec(term) ?? [];
      return own[key] !== undefined && (value === undefined || own[key] === value);
    });
}
