import { appendFileSync } from "node:fs";
import { ClientRequest, OutgoingMessage } from "node:http";

/** Where `--import` of this file records to. */
export const RECORD_SQL_TO = "RECORD_SQL_TO";

const PATHS = /^\/bigquery\/v2\/projects\/[^/]+\/(queries|jobs|datasets\/[^/]+\/tables)(\?|$)/;
/** The beginning of an upload names the table and its columns; the file follows in requests of its own. */
const UPLOAD = /^\/upload\/bigquery\/v2\/projects\/[^/]+\/jobs\?uploadType=resumable/;

/**
 * Records the body of every query that this process sends to a BigQuery, whoever sends it and whether it is run or only
 * checked, and of every table that it makes: a JSON line each, into a file.
 */
export function recordSql(file: string): void {
  const parts = new WeakMap<object, Buffer[]>();
  const keep = (request: object, chunk: unknown): void => {
    if (typeof chunk !== "string" && !(chunk instanceof Uint8Array)) return;
    parts.set(request, [...(parts.get(request) ?? []), Buffer.from(chunk)]);
  };
  const isOurs = (request: object): boolean =>
    request instanceof ClientRequest &&
    request.method === "POST" &&
    (PATHS.test(request.path) || UPLOAD.test(request.path));
  const replace = (
    name: "write" | "end",
    before: (request: OutgoingMessage, chunk: unknown) => void,
  ): void => {
    const original = OutgoingMessage.prototype[name];
    const value = function (this: OutgoingMessage, ...given: unknown[]): unknown {
      if (isOurs(this)) before(this, given[0]);
      return Reflect.apply(original, this, given);
    };
    Object.defineProperty(OutgoingMessage.prototype, name, { value, writable: true, configurable: true });
  };
  replace("write", keep);
  replace("end", (request, chunk) => {
    keep(request, chunk);
    const body = Buffer.concat(parts.get(request) ?? []).toString("utf8");
    parts.delete(request);
    if (body !== "") appendFileSync(file, `${JSON.stringify(JSON.parse(body))}\n`);
  });
}

const file = process.env[RECORD_SQL_TO];
if (file !== undefined) recordSql(file);
