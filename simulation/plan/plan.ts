/** What a seed comes to: all that will be asked and all that will go wrong, each item droppable by itself. */

/** Places in the cluster. Each is filled by one process at a time, under a new name after each start. */
export type SlotName = `${"gateway" | "tenant" | "pipeline" | "runner"}-${number}`;

/** Times are milliseconds from the start of the seed. */
interface At {
  at: number;
}

export type Command = At &
  (
    | {
        kind: "onboard";
        /** As the client spells it. */
        tenant: string;
        force: "none" | "tables" | "dataset";
        idempotencyKey: string | null;
        /** The first answer does not reach the client. */
        loseAnswer: boolean;
      }
    | {
        kind: "run";
        tenant: string;
        template: string;
        body: Record<string, string | number>;
        idempotencyKey: string | null;
        /** Waits for the end of the run. */
        follow: boolean;
      }
    | { kind: "issue"; tenant: string; expiresInMs: number | null; idempotencyKey: string | null }
    /** Some key of those held is replaced by a new one. */
    | { kind: "rotate"; tenant: string; which: number; graceSeconds: number; idempotencyKey: string | null }
    | { kind: "revoke"; tenant: string; which: number }
    /** Cancels or retries one of the tenant's last runs. */
    | { kind: "cancel" | "retry"; tenant: string; back: number; idempotencyKey: string | null }
    | {
        kind: "schedule";
        tenant: string;
        name: string;
        template: string;
        body: Record<string, string>;
        cron: string;
        timezone: string;
      }
    | { kind: "unschedule"; tenant: string; name: string }
    /** Dates as ISO, inclusive; at most `max` of its runs are open at once. */
    | {
        kind: "backfill";
        tenant: string;
        template: string;
        from: string;
        to: string;
        max: number;
        idempotencyKey: string | null;
      }
    /** Cancels the tenant's last backfill. */
    | { kind: "cancel backfill"; tenant: string }
    /** Lists and reads runs, own and foreign. */
    | { kind: "look"; tenant: string }
    /** Tries all keys that the client ever held. */
    | { kind: "probe"; tenant: string }
  );

export type Fault = At &
  /** The process dies at the n-th effect from then on whose name contains `effect`, and is replaced. */
  (
    | { kind: "crash"; slot: SlotName; effect: string; nth: number; side: "before" | "after"; downMs: number }
    /** It freezes there, and thaws later: after its session, if longer than that. */
    | { kind: "freeze"; slot: SlotName; effect: string; nth: number; forMs: number }
    /** It is stopped in good order, and started again. */
    | { kind: "restart"; slot: SlotName; downMs: number }
    /** A gateway crashes, and the file of its views is gone. */
    | { kind: "lose views"; slot: SlotName; downMs: number }
    | {
        kind: "append";
        slot: SlotName;
        forMs: number;
        rate: number;
        outcome: "fail" | "fail-but-stored" | "store-twice";
      }
    | { kind: "cut off"; slot: SlotName; forMs: number }
    | { kind: "late deliveries"; slot: SlotName | "all"; forMs: number; maxMs: number }
    | { kind: "slow appends"; slot: SlotName; forMs: number; maxMs: number }
    | {
        kind: "warehouse";
        slot: SlotName | "all";
        forMs: number;
        rate: number;
        outcome: "fail" | "unknown" | "lost" | "job-fails";
      }
    | { kind: "slow warehouse"; forMs: number; callMs: number; jobMs: number }
    /** A record that no one can read. */
    | { kind: "poison"; topic: string; partition: number }
  );

export interface Plan {
  seed: number;
  slots: { name: SlotName; skewMs: number }[];
  partitions: number;
  commands: Command[];
  faults: Fault[];
  /** When the last fault has ended: from then on the cluster must come to rest. */
  faultsEnd: number;
  /** Everything is restarted once it rests, and must come back to the same state. */
  restartAtRest: boolean;
}
