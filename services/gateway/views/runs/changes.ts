import type { RunRow, StepRow } from "./row.ts";

/** One version of a run: what its event changed. Times are Unix milliseconds. */
export type RunChange =
  | { kind: "run"; version: number; run: Pick<RunRow, "status" | "startTime" | "endTime" | "errorMessage"> }
  | { kind: "step"; version: number; runStatus: RunRow["status"]; index: number; step: StepRow };

/** How much is kept, over all runs, in characters of text: some 10,000 changes whose errors are short. */
export const KEPT_CHARACTERS = 4_000_000;
/** What a change comes to beside its error's text. */
const PLAIN_CHARACTERS = 400;

/**
 * The version that a client sees: a run that was refused has no event of its own, and its refusal follows on the
 * asking (0) as an acceptance would.
 */
export function versionOf(row: RunRow): number {
  return row.kind === "rejected" ? 1 : row.version;
}

/** The last changes of the runs that changed last, and those who want to hear of more. */
export class RunChanges {
  readonly #most: number;
  /** By run, the one changed longest ago first; a run's versions follow on one another. */
  readonly #kept = new Map<string, RunChange[]>();
  readonly #watching = new Map<string, Set<() => void>>();
  #characters = 0;

  /** `most`: how much is kept, in characters. */
  constructor(most = KEPT_CHARACTERS) {
    this.#most = most;
  }

  /** Notes that an event changed a run: its step of this index, or the run itself. Tells those who watch. */
  note(key: string, row: RunRow, stepIndex?: number): void {
    this.#keep(key, changeOf(row, stepIndex));
    for (const wake of this.#watching.get(key) ?? []) wake();
  }

  /** A run's changes after a version, in order; null where not all of them are kept. */
  since(key: string, version: number): RunChange[] | null {
    const kept = this.#kept.get(key);
    const first = kept?.[0];
    if (kept === undefined || first === undefined || first.version > version + 1) return null;
    return kept.filter((change) => change.version > version);
  }

  /** Calls `wake` after each change of a run, until the function that it returns is called. */
  watch(key: string, wake: () => void): () => void {
    const watching = this.#watching.get(key) ?? new Set();
    this.#watching.set(key, watching.add(wake));
    return () => {
      watching.delete(wake);
      if (watching.size === 0 && this.#watching.get(key) === watching) this.#watching.delete(key);
    };
  }

  #keep(key: string, change: RunChange): void {
    const known = this.#kept.get(key) ?? [];
    const follows = known.at(-1)?.version === change.version - 1;
    const changes = follows ? known : [];
    this.#characters += charactersOf([change]) - (follows ? 0 : charactersOf(known));
    changes.push(change);
    this.#kept.delete(key);
    this.#kept.set(key, changes);
    for (const [oldest, dropped] of this.#kept) {
      if (this.#characters <= this.#most) return;
      this.#kept.delete(oldest);
      this.#characters -= charactersOf(dropped);
    }
  }
}

function charactersOf(changes: readonly RunChange[]): number {
  const errors = changes.map((change) => (change.kind === "run" ? change.run : change.step).errorMessage);
  return errors.reduce((sum, error) => sum + PLAIN_CHARACTERS + (error?.length ?? 0), 0);
}

function changeOf(row: RunRow, stepIndex: number | undefined): RunChange {
  const step = stepIndex === undefined ? undefined : row.steps[stepIndex];
  const version = versionOf(row);
  if (stepIndex !== undefined && step !== undefined) {
    return { kind: "step", version, runStatus: row.status, index: stepIndex, step: { ...step } };
  }
  const { status, startTime, endTime, errorMessage } = row;
  return { kind: "run", version, run: { status, startTime, endTime, errorMessage } };
}
