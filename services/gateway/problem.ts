import type { Problem } from "@convergence/contracts";

/** Seconds that a client is asked to wait before it repeats a request that could not be finished. */
const RETRY_SECONDS = 2;

/**
 * A request's refusal, as its client reads it (RFC 9457). `reason` is a stable slug; `detail` says what to do.
 * Neither holds a secret, nor tells whether something of another tenant exists.
 */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  /** HTTP status. */
  readonly status: number;
  readonly reason: string;
  readonly detail: string;
  /** What is wrong with which field; empty where the fault is not a field's. */
  readonly errors: readonly Problem[];
  /** Seconds, for Retry-After; null where a repeat would not help. */
  readonly retryAfter: number | null;
  /** What the answer bears beside what each has. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    reason: string,
    detail: string,
    more: { errors?: readonly Problem[]; retryAfter?: number; headers?: Record<string, string> } = {},
  ) {
    super(`${status} ${reason}: ${detail}`);
    this.status = status;
    this.reason = reason;
    this.detail = detail;
    this.errors = more.errors ?? [];
    this.retryAfter = more.retryAfter ?? null;
    this.headers = more.headers ?? {};
  }
}

/** 503: nothing was decided that the client knows of; it may repeat. */
export function unavailable(reason: string, detail: string, retryAfter = RETRY_SECONDS): ApiProblem {
  return new ApiProblem(503, reason, detail, { retryAfter });
}

/** 422 with every fault at once. */
export function invalid(errors: readonly Problem[]): ApiProblem {
  const fields = errors.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
  return new ApiProblem(422, "invalid-request", `Mend and send again: ${fields.join("; ")}.`, { errors });
}

/** 422 for one field. */
export function invalidField(field: string, message: string): ApiProblem {
  return invalid([{ field, message }]);
}

/** Any key that does not let in is answered with this one, so that nothing can be told from it. */
export function unauthenticated(): ApiProblem {
  return new ApiProblem(
    401,
    "unauthenticated",
    "Send a valid API key in the X-API-Key header. If yours was lost, revoked or has expired, have a new one issued.",
  );
}

/** A good key on another tenant's path. */
export function foreignTenant(): ApiProblem {
  return new ApiProblem(403, "foreign-tenant", "API key does not belong to tenant");
}

export function runNotFound(): ApiProblem {
  return new ApiProblem(
    404,
    "run-not-found",
    "This tenant has no run of this id: list its runs at /api/v1/pipelines/runs.",
  );
}
