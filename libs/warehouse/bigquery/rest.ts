import type { Clock } from "@convergence/runtime/clock.ts";
import type { BigQuery } from "@google-cloud/bigquery";
import { isTransient, WarehouseError } from "../port.ts";

/** One call of BigQuery's REST interface, below projects/<project>. */
export interface Call {
  method: "GET" | "POST" | "DELETE";
  /** For example /datasets/d/tables/t. */
  path: string;
  query?: Record<string, string | number | boolean>;
  body?: object;
  /** True for a request that changes nothing: its failure leaves no doubt. */
  reads?: boolean;
}

/** Google's client and how long it may take. */
export interface Connection {
  client: BigQuery;
  clock: Clock;
  /** How long a request may stay without an answer, in milliseconds. */
  timeoutMs: number;
}

/**
 * Makes one call through the client (its authentication, endpoint, connections), without its retries. The time limit
 * is kept here: the client hands its own to node-fetch 3, which ignores it.
 * @returns the answer's JSON, of which every field has to be taken as optional.
 * @throws WarehouseError
 */
export function call<T extends object>(connection: Connection, request: Call): Promise<Partial<T>> {
  const { client, clock, timeoutMs } = connection;
  const reads = request.reads ?? request.method === "GET";
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => {
      reject(connectionBroke(`no answer within ${timeoutMs} ms`, reads));
    });
    client.request(
      {
        method: request.method,
        uri: request.path,
        qs: { ...request.query },
        ...bodyOf(request),
      },
      (error, answer) => {
        timer.clear();
        if (error) reject(warehouseError(error, reads));
        else resolve(answer ?? {});
      },
    );
  });
}

/** As text: the client searches an object's every member for a placeholder, which takes long with thousands of rows. */
function bodyOf({ body }: Call): { body?: string; headers?: Record<string, string> } {
  return body === undefined
    ? {}
    : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
}

/** The call's answer, or null where BigQuery says that there is no such thing. */
export async function callOrNull<T extends object>(
  connection: Connection,
  request: Call,
): Promise<Partial<T> | null> {
  try {
    return await call<T>(connection, request);
  } catch (error) {
    if (error instanceof WarehouseError && error.reason === "notFound") return null;
    throw error;
  }
}

/** What the reason is called where the answer names none (a proxy's answer). */
const REASON_BY_STATUS = new Map([
  [400, "invalid"],
  [401, "authError"],
  [403, "accessDenied"],
  [404, "notFound"],
  [409, "duplicate"],
  [412, "conditionNotMet"],
  [429, "rateLimitExceeded"],
]);

/** Codes of a connection that was never made: the request was not sent. */
const NOT_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);
const CONNECTION_LOST = new Set([
  "ECONNRESET",
  "ETIMEDOUT",
  "EPIPE",
  "ECONNABORTED",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** A failure of the client's as the port tells it. `reads`: the request changes nothing. */
export function warehouseError(error: unknown, reads: boolean): WarehouseError {
  if (error instanceof WarehouseError) return error;
  const { code, reason, message, type } = parts(error);
  if (typeof code === "number") return httpError(code, reason, message, reads);
  if (code !== null && NOT_SENT.has(code)) {
    return new WarehouseError("network", `BigQuery cannot be reached (${code})`, { transient: true });
  }
  if ((code !== null && CONNECTION_LOST.has(code)) || type === "system") {
    return connectionBroke(code ?? message, reads);
  }
  return new WarehouseError("authError", `no request to BigQuery could be made: ${message}`);
}

function connectionBroke(why: string, reads: boolean): WarehouseError {
  const message = `the connection to BigQuery broke (${why})`;
  return new WarehouseError("network", message, { transient: true, unknown: !reads });
}

function httpError(status: number, named: string | null, message: string, reads: boolean): WarehouseError {
  // 501 is the local BigQuery's: it will never do that, and has done nothing.
  const failed = status >= 500 && status !== 501;
  const reason = named ?? REASON_BY_STATUS.get(status) ?? (status >= 500 ? "backendError" : "invalid");
  return new WarehouseError(reason, message, {
    transient: failed || status === 429 || status === 408 || isTransient(reason),
    unknown: !reads && (failed || status === 408),
  });
}

interface ErrorParts {
  code: string | number | null;
  reason: string | null;
  message: string;
  type: string | null;
}

function parts(error: unknown): ErrorParts {
  if (!(error instanceof Error)) return { code: null, reason: null, message: String(error), type: null };
  const code =
    "code" in error && (typeof error.code === "string" || typeof error.code === "number") ? error.code : null;
  const type = "type" in error && typeof error.type === "string" ? error.type : null;
  const first: unknown = "errors" in error && Array.isArray(error.errors) ? error.errors[0] : undefined;
  if (typeof first !== "object" || first === null)
    return { code, reason: null, message: error.message, type };
  const reason = "reason" in first && typeof first.reason === "string" ? first.reason : null;
  const message = "message" in first && typeof first.message === "string" ? first.message : error.message;
  return { code, reason, message, type };
}
