import type { ChaosResult } from "./chaos.ts";

/** How many violations of a rule are printed; all are in findings.ndjson. */
const SHOWN = 5;

/** True where every rule had something to look at and holds, and every fault struck. */
export function isRight({ findings, troubles }: ChaosResult): boolean {
  const holds = findings.every(({ checked, violations }) => checked > 0 && violations.length === 0);
  return troubles.length === 0 && holds;
}

/** The result for people. */
export function report(result: ChaosResult): string {
  const { runs, requests, strikes, restMs, findings, troubles, crashes } = result;
  const lines = [
    "",
    `runs: ${sum(runs)} (${counts(runs)})`,
    `requests: ${requests.asked}, of them ${requests.unanswered} without an answer, ${requests.refused} answered 503`,
    `faults that struck: ${sum(strikes)} (${counts(strikes)})`,
    `at rest and in agreement ${(restMs / 1000).toFixed(1)} s after the load`,
    ...crashes.map((crash) => `note: ${crash}`),
    "checks:",
  ];
  for (const { rule, checked, violations } of findings) {
    const verdict = violations.length > 0 ? "VIOLATED" : checked > 0 ? "holds   " : "UNSEEN  ";
    lines.push(`  ${verdict} ${rule} (${checked} checked)`);
    lines.push(...violations.slice(0, SHOWN).map((violation) => `             ${violation}`));
    if (violations.length > SHOWN) lines.push(`             and ${violations.length - SHOWN} more`);
  }
  lines.push(...troubles.map((trouble) => `trouble: ${trouble}`));
  return lines.join("\n");
}

function counts(all: Partial<Record<string, number>>): string {
  return Object.entries(all)
    .map(([name, n]) => `${name} ${n}`)
    .join(", ");
}

function sum(all: Partial<Record<string, number>>): number {
  return Object.values(all).reduce<number>((total, n) => total + (n ?? 0), 0);
}
