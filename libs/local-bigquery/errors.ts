/** One entry of BigQuery's error list, as REST shows it. */
export interface ErrorEntry {
  reason: string;
  message: string;
  location?: string;
}

const STATUS_OF_REASON: Record<string, number> = {
  invalid: 400,
  invalidQuery: 400,
  invalidParameter: 400,
  required: 400,
  parseError: 400,
  resourceInUse: 400,
  bytesBilledLimitExceeded: 400,
  stopped: 400,
  timeout: 400,
  accessDenied: 403,
  responseTooLarge: 403,
  notFound: 404,
  duplicate: 409,
  conditionNotMet: 412,
  notImplemented: 501,
  backendError: 503,
};

/** The HTTP status that the service answers a reason with; 400 for one that is not listed. */
export function statusOfReason(reason: string): number {
  return STATUS_OF_REASON[reason] ?? 400;
}

/** A request or job that BigQuery would refuse, or that this endpoint does not do (notImplemented). */
export class BigQueryError extends Error {
  override readonly name = "BigQueryError";
  readonly reason: string;
  readonly location: string | undefined;
  constructor(reason: string, message: string, location?: string) {
    super(message);
    this.reason = reason;
    this.location = location;
  }
  get status(): number {
    return statusOfReason(this.reason);
  }
  entry(): ErrorEntry {
    const { reason, message, location } = this;
    return location === undefined ? { reason, message } : { reason, message, location };
  }
}

export const notFound = (what: string): BigQueryError => new BigQueryError("notFound", `Not found: ${what}`);
export const duplicate = (what: string): BigQueryError =>
  new BigQueryError("duplicate", `Already Exists: ${what}`);
export const invalid = (message: string): BigQueryError => new BigQueryError("invalid", message);
export const invalidQuery = (message: string): BigQueryError =>
  new BigQueryError("invalidQuery", message, "query");

/** Refuses what this endpoint does not lower. `construct` is the name an author would look for. */
export const notImplemented = (construct: string): BigQueryError =>
  new BigQueryError("notImplemented", `Not supported by the local BigQuery: ${construct}`, "query");
