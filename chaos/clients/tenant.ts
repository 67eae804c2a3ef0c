/** A key in its tenant's hands. Its text leaves this process only as a header. */
export interface HeldKey {
  id: string;
  text: string;
  /** False from when its revocation was asked for. */
  inForce: boolean;
  /** False while it is not known whether it is in force: its revocation has no answer yet. */
  sure: boolean;
}

export interface KnownRun {
  id: string;
  /** Since when each process has shown it, Unix milliseconds. */
  shownBy: Map<string, number>;
}

/** What a tenant's people know. */
export class Tenant {
  readonly name: string;
  /** It is made anew now and then, with its keys. */
  readonly recreated: boolean;
  readonly keys: HeldKey[] = [];
  /** Runs that were answered, latest last. */
  readonly runs: KnownRun[] = [];
  /** It is being made anew just now. */
  beingRecreated = false;

  readonly #byId = new Map<string, KnownRun>();

  constructor(name: string, recreated: boolean) {
    this.name = name;
    this.recreated = recreated;
  }

  /** The key of its (last) onboarding: it is never revoked alone. */
  main(): HeldKey {
    const key = this.keys.findLast(({ id, inForce }) => id.startsWith("onboarding") && inForce);
    if (key === undefined) throw new Error(`${this.name} has no key`);
    return key;
  }

  run(id: string): KnownRun {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const run: KnownRun = { id, shownBy: new Map() };
    this.#byId.set(id, run);
    this.runs.push(run);
    return run;
  }

  /** A process has shown a run. */
  shown(id: string, process: string): void {
    const { shownBy } = this.run(id);
    if (!shownBy.has(process)) shownBy.set(process, Date.now());
  }
}
