import { randomUUID } from "node:crypto";
import { BigQueryError, invalid, notFound } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { jsonOf, type Reply, type Request } from "./http.ts";
import { insertJobWith } from "./jobs.ts";
import type { Service } from "./service.ts";

/** Largest upload, bytes: it is held in memory. */
export const MAX_UPLOAD = 512 * 1024 * 1024;

interface Session {
  project: string;
  body: JsonObject;
  parts: Buffer[];
  size: number;
}

/** Uploads: data sent with the job that loads it, at once (multipart) or in pieces (resumable). */
export class Uploads {
  readonly #sessions = new Map<string, Session>();
  readonly #service: Service;

  constructor(service: Service) {
    this.#service = service;
  }

  async start(request: Request): Promise<Reply> {
    const { project = "" } = request.params;
    const type = request.query.get("uploadType");
    if (type === "multipart") {
      const { body, data } = readMultipart(request);
      return insertJobWith(this.#service, project, body, data);
    }
    if (type !== "resumable")
      throw invalid(`uploadType ${type ?? "(none)"} is not one of multipart, resumable`);
    const id = randomUUID();
    this.#sessions.set(id, { project, body: request.json(), parts: [], size: 0 });
    const host = request.headers.host ?? "localhost";
    const location = `http://${host}/upload/bigquery/v2/projects/${project}/jobs?uploadType=resumable&upload_id=${id}`;
    return { status: 200, body: {}, headers: { location } };
  }

  /** PUT of a piece; the last one starts the job. */
  async put(request: Request): Promise<Reply> {
    const id = request.query.get("upload_id") ?? "";
    const session = this.#sessions.get(id);
    if (!session) throw notFound(`Upload ${id}`);
    const range = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(request.headers["content-range"] ?? "");
    const start = range?.[1] === undefined ? session.size : Number(range[1]);
    if (start !== session.size) return this.#more(session);
    session.parts.push(request.body);
    session.size += request.body.length;
    if (session.size > MAX_UPLOAD) throw invalid(`Upload exceeds ${MAX_UPLOAD} bytes`);
    const whole = range?.[3];
    if (whole === "*" || (whole !== undefined && Number(whole) > session.size)) return this.#more(session);
    this.#sessions.delete(id);
    return insertJobWith(this.#service, session.project, session.body, Buffer.concat(session.parts));
  }

  #more(session: Session): Reply {
    const headers: Record<string, string> = session.size > 0 ? { range: `bytes=0-${session.size - 1}` } : {};
    return { status: 308, body: undefined, headers };
  }
}

/** The two parts of multipart/related: the job as JSON, and the data. */
function readMultipart(request: Request): { body: JsonObject; data: Buffer } {
  const boundary = /boundary="?([^";]+)"?/.exec(request.headers["content-type"] ?? "")?.[1];
  if (boundary === undefined) throw invalid("multipart upload without a boundary");
  const mark = Buffer.from(`--${boundary}`);
  const first = request.body.indexOf(mark);
  const second = request.body.indexOf(mark, first + mark.length);
  const last = request.body.lastIndexOf(mark);
  if (first < 0 || second < 0 || last <= second) throw invalid("multipart upload needs two parts");
  const body = contentOf(request.body.subarray(first + mark.length, second));
  return { body: jsonOf(body), data: contentOf(request.body.subarray(second + mark.length, last)) };
}

/** A part without its headers and the line break that ends it. */
function contentOf(part: Buffer): Buffer {
  const start = part.indexOf("\r\n\r\n");
  if (start < 0) throw new BigQueryError("parseError", "a part of the upload has no headers");
  return part.subarray(start + 4, part.length - 2);
}
