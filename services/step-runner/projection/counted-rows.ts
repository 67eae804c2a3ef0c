import type { BusRecord } from "@convergence/bus/port.ts";
import type { RunEventsMessage } from "@convergence/contracts";
import type { LogReader } from "@convergence/log";
import { type ProjectedRow, rowsOf } from "./rows.ts";

/** The rows that a record of run.events makes: none where it does not count. */
export function countedRows(reader: LogReader, record: BusRecord, event: RunEventsMessage): ProjectedRow[] {
  const verdict = reader.read(record.offset, event);
  return verdict === "counted" && event.type !== "Claimed" ? rowsOf(event) : [];
}
