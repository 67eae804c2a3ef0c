import { objectOr, parseJson } from "../json.ts";

/** How long a statement may run by its job's own limit, and how long its answer may take all the same; milliseconds. */
const LIMIT = 2_000;
const PATIENCE = 30_000;

/** Statuses that an answer to any text may have. 501: only this endpoint refuses it. */
const FAIR = new Set([200, 400, 403, 404, 409, 412, 501]);

export interface Tally {
  /** How often each status and reason was answered. */
  answers: Record<string, number>;
  /** Statements that were answered wrongly, or not at all. */
  faults: string[];
}

/** Sends one statement. Gives what was answered: status, reason and message. */
export async function send(
  url: string,
  query: string,
): Promise<{ status: number; reason: string; message: string }> {
  const response = await fetch(`${url}/bigquery/v2/projects/p/queries`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, useLegacySql: false, jobTimeoutMs: LIMIT, timeoutMs: PATIENCE }),
    signal: AbortSignal.timeout(PATIENCE),
  });
  const error = objectOr(objectOr(parseJson(await response.text())).error);
  const [first] = Array.isArray(error.errors) ? error.errors : [];
  return {
    status: response.status,
    reason: response.ok ? "ok" : String(objectOr(first).reason),
    message: String(error.message ?? ""),
  };
}

/** Sends statements, a few at once, and tells of every answer that none may be given. */
export async function sendAll(url: string, statements: Iterable<string>, workers: number): Promise<Tally> {
  const tally: Tally = { answers: {}, faults: [] };
  const queue = statements[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      const fault = await tryOne(url, next.value, tally);
      if (fault !== undefined) tally.faults.push(`${fault}\n  ${next.value}`);
      if (tally.faults.length >= 20) return;
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return tally;
}

async function tryOne(url: string, query: string, tally: Tally): Promise<string | undefined> {
  try {
    const { status, reason, message } = await send(url, query);
    const key = `${status} ${reason}`;
    tally.answers[key] = (tally.answers[key] ?? 0) + 1;
    const silent = status !== 200 && message === "" && !/\bERROR\b/i.test(query);
    return FAIR.has(status) && !silent ? undefined : `${key}: ${message}`;
  } catch (error) {
    return `no answer: ${String(error)}`;
  }
}
