import { answered, keys, outages, shown } from "./clients.ts";
import { views, warehouse } from "./copies.ts";
import type { Evidence } from "./evidence.ts";
import { deadLetters, struck } from "./faults.ts";
import { type ReadLog, readLog } from "./log.ts";
import type { Rule } from "./rule.ts";
import { accepted, cancelled, effects, ends, invented, resumed, terminal } from "./runs.ts";

const LOG_RULE = "the logs keep their own rules";

const RULES: readonly Rule[] = [
  answered,
  accepted,
  invented,
  terminal,
  ends,
  cancelled,
  resumed,
  effects,
  views,
  warehouse,
  shown,
  keys,
  outages,
  deadLetters,
  struck,
];

/** A rule's result. */
export interface Finding {
  rule: string;
  /** How many things were looked at. */
  checked: number;
  violations: string[];
}

/** Judges all that was collected. Pure: the same evidence gives the same findings. */
export function check(evidence: Evidence): { log: ReadLog; findings: Finding[] } {
  const ofLog: Finding = { rule: LOG_RULE, checked: evidence.log.length, violations: [] };
  const log = readLog(evidence.log, (what) => ofLog.violations.push(what));
  const findings = RULES.map(({ name, check: judge }) => {
    const finding: Finding = { rule: name, checked: 0, violations: [] };
    judge({
      evidence,
      log,
      checked: () => {
        finding.checked += 1;
      },
      violation: (what) => finding.violations.push(what),
    });
    return finding;
  });
  return { log, findings: [ofLog, ...findings] };
}
