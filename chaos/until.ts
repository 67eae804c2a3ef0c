import { setTimeout as pause } from "node:timers/promises";

export { pause };

/** Waits for a condition. @throws Error when it does not hold within `ms` milliseconds */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms: number,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await pause(100);
  }
}
