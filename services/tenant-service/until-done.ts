import { sleep } from "@convergence/runtime/clock.ts";
import type { TenantLane, TenantServiceDeps } from "./deps.ts";

/** Milliseconds before what failed is tried again: doubled each time, up to the last. */
const RETRY_MS = { first: 200, last: 10_000 };

/** Repeats what fails, with growing pauses, for as long as the lane is owned, or until a time. */
export async function untilDone(
  { clock, log }: Pick<TenantServiceDeps, "clock" | "log">,
  lane: TenantLane,
  about: object,
  run: () => Promise<void>,
  deadline = Number.POSITIVE_INFINITY,
): Promise<void> {
  let pause = RETRY_MS.first;
  while (!lane.isLost && clock.now() < deadline) {
    try {
      await run();
      return;
    } catch (error) {
      log.warn({ ...about, error: String(error) }, "failed; it is tried again");
      await sleep(clock, pause);
      pause = Math.min(pause * 2, RETRY_MS.last);
    }
  }
}
