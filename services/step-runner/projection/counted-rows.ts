import type { BusRecord } from "@convergence/bus/port.ts";
import type { RunEventsMessage } from "@convergence/contracts";
import type { LogReader } from "@convergence/log";
import { type ProjectedRow, rowsOf } from "./rows.ts";

/** The rows that a record of run.events makes: none where it does not count. */
export function countedRows(reader: LogReader, record: BusRecord, event: RunEventsMessage): ProjectedRow[] {
  if (event.type === "Claimed") {
    reader.read(record.offset, { kind: "claim", follows: event.follows });
    return [];
  }
  const { tenant_id: tenantId, epoch, version } = event.meta;
  const verdict = reader.read(record.offset, { kind: "event", tenantId, epoch, version });
  return verdict === "counted" ? rowsOf(event) : [];
}
