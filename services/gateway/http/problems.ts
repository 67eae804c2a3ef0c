import { STATUS_CODES } from "node:http";
import { ApiProblem } from "../problem.ts";

/** An error as it goes to the client: application/problem+json, RFC 9457. */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  request_id: string;
  errors?: readonly { field: string; message: string }[];
}

export function problemBody(problem: ApiProblem, requestId: string): ProblemBody {
  const { status, reason, detail, errors } = problem;
  return {
    type: `/problems/${reason}`,
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail,
    request_id: requestId,
    ...(errors.length > 0 ? { errors } : {}),
  };
}

/** What reading a body, or decoding a path, may fail with (body-parser's and Express' `type`, `status`). */
const BODY_FAULTS: Readonly<Record<string, ApiProblem>> = {
  "entity.parse.failed": new ApiProblem(400, "invalid-json", "The body is not valid JSON: mend it."),
  "entity.verify.failed": new ApiProblem(400, "invalid-json", "The body is not valid UTF-8: encode it so."),
  "entity.too.large": new ApiProblem(413, "body-too-large", "The body is larger than 1 MiB: send less."),
  "encoding.unsupported": new ApiProblem(
    415,
    "unsupported-encoding",
    "The body is compressed: send it without Content-Encoding.",
  ),
  "charset.unsupported": new ApiProblem(415, "unsupported-charset", "The body must be UTF-8: encode it so."),
  "request.size.invalid": new ApiProblem(
    400,
    "invalid-body",
    "The body is not as long as Content-Length says.",
  ),
};

/** The problem that an error comes to; undefined for a fault of our own. */
export function problemOf(error: unknown): ApiProblem | undefined {
  if (error instanceof ApiProblem) return error;
  if (error instanceof URIError) {
    return new ApiProblem(400, "invalid-path", "The path is not well encoded: mend its % sequences.");
  }
  if (error instanceof Error && "type" in error) return BODY_FAULTS[String(error.type)];
  return undefined;
}

/** 500: told without what went wrong; the log has it under the same request id. */
export function internalProblem(): ApiProblem {
  return new ApiProblem(
    500,
    "internal-error",
    "Something went wrong on our side: repeat, and report the request_id if it stays so.",
  );
}
