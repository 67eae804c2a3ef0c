/** A key in its owner's hands. */
export interface HeldKey {
  text: string;
  /** The owner asked for its revocation. */
  revoking: boolean;
  /** When the revocation was answered, and by which process; undefined before. */
  revokedAt: { at: number; by: string } | undefined;
  expiresAt: number | null;
}

/** What a tenant's people know. */
export class Customer {
  /** In lower case. */
  readonly id: string;
  /** As it was onboarded first. */
  readonly name: string;
  readonly keys: HeldKey[] = [];
  /** The run that each Idempotency-Key stands for, by template, key and body. */
  readonly runsByKey = new Map<string, string>();
  /** Ids of backfills that were answered. */
  readonly backfills: string[] = [];
  /** Ids of runs that were answered. */
  readonly runs: string[] = [];

  constructor(name: string) {
    this.name = name;
    this.id = name.toLowerCase();
  }

  /** A backfill was answered. Tells where one Idempotency-Key stands for two. */
  began(idempotencyKey: string | null, template: string, id: string): string | null {
    if (!this.backfills.includes(id)) this.backfills.push(id);
    if (idempotencyKey === null) return null;
    const name = `backfill ${template}|${idempotencyKey}`;
    const known = this.runsByKey.get(name) ?? id;
    this.runsByKey.set(name, id);
    return known === id ? null : `${name} stands for ${known} and for ${id}`;
  }

  hold(text: string, expiresAt: number | null): void {
    if (this.keys.some((key) => key.text === text)) return;
    this.keys.push({ text, revoking: false, revokedAt: undefined, expiresAt });
  }

  /** A key to work with: the latest that is not given up. */
  key(now: number): HeldKey | undefined {
    return this.keys.findLast(
      ({ revoking, expiresAt }) => !revoking && (expiresAt === null || expiresAt > now + 2_000),
    );
  }
}
