import type { BusRecord } from "@convergence/bus/port.ts";
import { traceFields, traceOf } from "@convergence/contracts";
import { sleep } from "@convergence/runtime/clock.ts";
import { RETRY_MS, type WriterDeps } from "./deps.ts";

/** Puts an input among the dead letters, however long the bus is away; resolves when it is there, or the lane lost. */
export async function toDeadLetters(
  { bus, clock, log }: WriterDeps,
  lane: { readonly isLost: boolean },
  record: BusRecord,
  error: unknown,
): Promise<void> {
  const { topic, partition, offset, headers } = record;
  const detail = { topic, partition, offset, ...traceFields(traceOf(headers)), error: String(error) };
  log.error(detail, "input goes to the dead letters");
  while (!lane.isLost) {
    try {
      await bus.dead(record, error);
      return;
    } catch (refusal) {
      if (refusal instanceof RangeError) {
        // With its origin it is larger than a record may be. It stays where it is for as long as its topic keeps it.
        log.error(detail, "input is too large for the dead letters: it is passed over");
        return;
      }
      await sleep(clock, RETRY_MS);
    }
  }
}
