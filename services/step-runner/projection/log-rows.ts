import type { Bus, BusRecord } from "@convergence/bus/port.ts";
import { decodeAs, RUN_EVENTS_TYPES, type RunEventsMessage, UnreadableRecord } from "@convergence/contracts";
import { LogReader } from "@convergence/log";
import { countedRows } from "./counted-rows.ts";
import type { ProjectedRow } from "./rows.ts";

/** A place in a partition of run.events, with the claim that counts there; -1 for none. */
export interface LogPlace {
  offset: number;
  claim: number;
}

export interface RowsRead {
  rows: { offset: number; row: ProjectedRow }[];
  /** Where to go on. */
  next: LogPlace;
  /** True where all that was stored at the call is read. */
  isEnd: boolean;
}

/** Reads one table's rows again from the log: at most `limit` and those of the last record. */
export async function readRows(
  bus: Bus,
  partition: number,
  from: LogPlace,
  { dataset, table }: Pick<ProjectedRow, "dataset" | "table">,
  limit: number,
): Promise<RowsRead> {
  const ends = await bus.ends("run.events");
  // Where retention has taken the beginning, the claim that is kept may be gone too: the next one is taken on trust.
  const isCut = (ends.get(partition)?.low ?? 0) > from.offset;
  const reader = new LogReader(isCut ? -1 : from.claim);
  const rows: RowsRead["rows"] = [];
  const { promise: full, resolve: isFull } = Promise.withResolvers<false>();
  let offset = from.offset;
  const fold = (record: BusRecord) => {
    if (record.partition !== partition || rows.length >= limit) return;
    offset = record.offset + 1;
    for (const row of rowsIn(record, reader)) {
      if (row.dataset === dataset && row.table === table) rows.push({ offset: record.offset, row });
    }
    if (rows.length >= limit) isFull(false);
  };
  const starts = new Map([...ends].map(([p, { end }]) => [p, p === partition ? from.offset : end]));
  const view = await bus.view({ topics: ["run.events"], from: new Map([["run.events", starts]]) }, fold);
  try {
    const isEnd = await Promise.race([view.caughtUp(), full, view.failed]);
    return { rows, next: { offset, claim: reader.claim }, isEnd: isEnd && rows.length < limit };
  } finally {
    await view.stop();
  }
}

/** What cannot be read makes no rows; it went to the dead letters when it came first. */
function rowsIn(record: BusRecord, reader: LogReader): ProjectedRow[] {
  let event: RunEventsMessage;
  try {
    event = decodeAs(record.value, RUN_EVENTS_TYPES);
  } catch (error) {
    if (error instanceof UnreadableRecord) return [];
    throw error;
  }
  return countedRows(reader, record, event);
}
