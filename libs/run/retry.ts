import type { RetryPolicy } from "@convergence/contracts";
import { type Run, stepAt } from "./state.ts";

/** For steps whose template says nothing of it. */
const USUAL: RetryPolicy = { attempts: 3, pause_ms: 1_000, factor: 2, max_pause_ms: 60_000 };

/**
 * When a step whose failure may pass is tried again, Unix milliseconds; null once it was tried often enough. The pause
 * lies between half and all of what the policy says (jitter), so that what failed together does not come back together;
 * where in between follows from the run's id, for deciding is pure.
 */
export function nextTryAt(run: Run, index: number, now: number): number | null {
  const { planned, try: tries } = stepAt(run, index);
  const policy = planned.retry ?? USUAL;
  if (tries >= policy.attempts) return null;
  const pause = Math.min(policy.pause_ms * policy.factor ** (tries - 1), policy.max_pause_ms);
  return now + Math.round(pause * (0.5 + spread(`${run.head.run_id}/${index}/${tries}`) / 2));
}

/** A text to a number from 0 to below 1, evenly spread (FNV-1a, 32 bits). */
function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let n = 0; n < text.length; n += 1) hash = Math.imul(hash ^ text.charCodeAt(n), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
