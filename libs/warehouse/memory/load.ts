import type { JobError, LoadJob } from "../port.ts";
import type { Row } from "./tables.ts";

/** The rows of a load job: NDJSON alone is read here, its values taken as they are. */
export async function loadedRows(job: LoadJob): Promise<{ rows: Row[] } | { error: JobError }> {
  const { source, format } = job;
  if (format.type !== "NEWLINE_DELIMITED_JSON" || "uris" in source) {
    return { error: { reason: "notImplemented", message: "a memory warehouse loads uploaded NDJSON alone" } };
  }
  const data = "bytes" in source ? source.bytes : Buffer.concat(await source.stream.toArray());
  const rows: Row[] = [];
  let position = 0;
  for (const line of Buffer.from(data).toString("utf8").split("\n")) {
    try {
      if (line.trim() !== "") rows.push(JSON.parse(line));
    } catch {
      const message = `Error while reading data, error message: JSON parsing error in row starting at position ${position}`;
      return { error: { reason: "invalid", message } };
    }
    position += Buffer.byteLength(line) + 1;
  }
  return { rows };
}
