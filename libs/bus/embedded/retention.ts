import type { Cleaning } from "./cleaner.ts";
import type { PartitionLog } from "./log.ts";
import type { Store } from "./store.ts";

const SLICE_RECORDS = 500;

/** Drops records older than `retentionMs` from the partition's beginning. */
export function* dropExpired(
  store: Store,
  log: PartitionLog,
  now: number,
  retentionMs: number | null,
): Cleaning {
  if (retentionMs === null) return null;
  for (;;) {
    const heads = store.heads(log.place, log.low, log.end, SLICE_RECORDS);
    const fresh = heads.findIndex(({ time }) => time + retentionMs > now);
    const expired = (fresh < 0 ? heads : heads.slice(0, fresh)).map(({ offset }) => offset);
    const last = expired.at(-1);
    if (last !== undefined) {
      store.remove(log.place, expired, last + 1, log.end);
      log.low = last + 1;
    }
    const oldest = heads[fresh];
    if (oldest) return oldest.time + retentionMs;
    if (heads.length < SLICE_RECORDS) return null;
    yield;
  }
}
