import type { Outcome } from "./simulate.ts";

/** The medians of what seeds come to. */
export function medians(outcomes: readonly Outcome[]): Record<keyof Outcome["stats"], number> {
  const median = (of: keyof Outcome["stats"]): number => {
    const values = outcomes.map(({ stats }) => stats[of]).sort((a, b) => a - b);
    return values[Math.floor(values.length / 2)] ?? 0;
  };
  return {
    tenants: median("tenants"),
    commands: median("commands"),
    faults: median("faults"),
    runs: median("runs"),
    counted: median("counted"),
    records: median("records"),
    events: median("events"),
    virtualMs: median("virtualMs"),
  };
}
