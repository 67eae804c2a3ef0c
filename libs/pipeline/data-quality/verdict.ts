/** What the rows say of the checks. */
import type { JsonValue, Severity } from "../types.ts";
import type { PlannedCheck } from "./statement.ts";

export type QualityStatus = "PASS" | "WARNING" | "FAIL";

/** A check that does not hold, as dq_results keeps it. */
export interface FailedExpectation {
  check: string;
  /** `not_null(cost)`. */
  expectation: string;
  severity: Severity;
  /** Failing rows, groups or days; null where the check could not be made. */
  failed: number | null;
  /** What was found, in a few words. */
  observed: string;
  /** Some of what fails: a row's columns each. */
  samples: JsonValue[];
}

export interface QualityVerdict {
  status: QualityStatus;
  passed: number;
  failures: FailedExpectation[];
  /** Rows that were checked. */
  rows: number;
}

/** Judges the checks by the one row that their statement gave. */
export function qualityVerdict(
  checks: readonly PlannedCheck[],
  row: Readonly<Record<string, unknown>>,
): QualityVerdict {
  const failures = checks.flatMap((check) => failureOf(check, row) ?? []);
  return {
    status: statusOf(failures),
    passed: checks.length - failures.length,
    failures,
    rows: Number(row.row_count ?? 0),
  };
}

function statusOf(failures: readonly FailedExpectation[]): QualityStatus {
  if (failures.some(({ severity }) => severity === "fail")) return "FAIL";
  return failures.some(({ severity }) => severity === "warn") ? "WARNING" : "PASS";
}

function failureOf(
  { index, check, label, plan, fault }: PlannedCheck,
  row: Readonly<Record<string, unknown>>,
): FailedExpectation | null {
  const about = { check: check.check, expectation: label, severity: check.severity };
  // What cannot be checked is not known to be right, whatever the check's severity.
  if (plan === null) return { ...about, severity: "fail", failed: null, observed: fault ?? "", samples: [] };
  if (plan.by === "schema") {
    const { faults, observed } = plan;
    return faults.length === 0 ? null : { ...about, failed: faults.length, observed, samples: faults };
  }
  const failed = Number(row[`c${index}_failed`] ?? 0);
  if (failed === 0) return null;
  const samples: unknown = row[`c${index}_samples`];
  return {
    ...about,
    failed,
    observed: String(row[`c${index}_observed`] ?? ""),
    samples: Array.isArray(samples) ? samples.map(String).map(sample) : [],
  };
}

/** A sample that was cut off is no JSON any more: its text then. */
function sample(text: string): JsonValue {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}
