import { Readable } from "node:stream";
import type { JobMetadata } from "@google-cloud/bigquery";
import type { LoadSource } from "../port.ts";
import { type Connection, warehouseError } from "./rest.ts";

/** An upload that takes longer is given up, in milliseconds. */
const UPLOAD_MS = 900_000;

/**
 * Starts a job with data (BigQuery's resumable upload): one request opens it with the job's resource, a second one
 * sends the data. An upload that breaks is not gone on with: the caller submits the job again, under its id.
 * @throws WarehouseError
 */
export async function upload(
  { client, clock, timeoutMs }: Connection,
  project: string,
  job: object,
  source: Exclude<LoadSource, { uris: unknown }>,
): Promise<Partial<JobMetadata>> {
  const send = async (request: UploadRequest, limitMs: number) => {
    const limit = new AbortController();
    const timer = clock.after(limitMs, () => limit.abort(new Error(`no answer within ${limitMs} ms`)));
    try {
      // No retries in here, and no redirect: BigQuery answers 308 where it lacks a part of the data.
      return await client.authClient.request<Partial<JobMetadata>>({
        ...request,
        retry: false,
        signal: limit.signal,
        responseType: "json",
      });
    } catch (error) {
      throw uploadError(error);
    } finally {
      timer.clear();
    }
  };
  const opened = await send(
    {
      method: "POST",
      url: `${client.apiEndpoint}/upload/bigquery/v2/projects/${project}/jobs?uploadType=resumable`,
      headers: { "content-type": "application/json" },
      data: JSON.stringify(job),
    },
    timeoutMs,
  );
  const url = opened.headers.get("location");
  if (url === null) throw warehouseError(new Error("an upload was opened without an address"), false);
  const size = "bytes" in source ? source.bytes.byteLength : source.size;
  const done = await send(
    {
      method: "PUT",
      url,
      headers: { "content-type": "application/octet-stream", "content-length": String(size) },
      data: "bytes" in source ? Readable.from([source.bytes]) : source.stream,
    },
    UPLOAD_MS,
  );
  return done.data;
}

interface UploadRequest {
  method: "POST" | "PUT";
  url: string;
  headers: Record<string, string>;
  data: string | Readable;
}

/** The failure of the transport's as rest.ts reads failures: status and BigQuery's own errors. */
function uploadError(error: unknown): Error {
  if (!(error instanceof Error) || !("response" in error)) return warehouseError(error, false);
  const { response } = error;
  if (typeof response !== "object" || response === null || !("status" in response)) {
    return warehouseError(error, false);
  }
  const told: unknown = "data" in response ? response.data : undefined;
  const body: unknown = typeof told === "object" && told !== null && "error" in told ? told.error : undefined;
  const { message = error.message, errors = [] }: { message?: unknown; errors?: unknown } = {
    ...(typeof body === "object" ? body : {}),
  };
  const read = Object.assign(new Error(String(message)), { code: response.status, errors });
  return warehouseError(read, false);
}
