import type { Evidence } from "./evidence.ts";
import type { ReadLog } from "./log.ts";

/** What a rule judges, and how it says what it found. */
export interface Case {
  evidence: Evidence;
  log: ReadLog;
  /** One thing was looked at. */
  checked(): void;
  violation(what: string): void;
}

/** A rule: looks at everything that it is about. */
export interface Rule {
  /** What must hold, for people. */
  name: string;
  check(subject: Case): void;
}

/** Says which fields of `found` are not as wanted. */
export function expectSame(subject: Case, what: string, wanted: object, found: object): void {
  subject.checked();
  const differing = Object.entries(wanted).filter(
    ([name, value]) => JSON.stringify(Reflect.get(found, name)) !== JSON.stringify(value),
  );
  if (differing.length === 0) return;
  const told = differing.map(
    ([name, value]) => `${name} is ${JSON.stringify(Reflect.get(found, name))}, not ${JSON.stringify(value)}`,
  );
  subject.violation(`${what}: ${told.join("; ")}`);
}
