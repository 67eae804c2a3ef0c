/** What the clients know: every request with its answer, as it looked from outside. */

/** One HTTP request and what came of it. */
export interface Exchange {
  /** When it was sent, Unix milliseconds. */
  at: number;
  /** Until the answer, or until its client gave up; milliseconds. */
  ms: number;
  /** Which process was asked: the gateway's name and how often it had been started. */
  gateway: string;
  /** HTTP status; null: no answer, the outcome is unknown. */
  status: number | null;
  /** Seconds of the header Retry-After; null without one. */
  retryAfter: number | null;
  /** The problem's type and detail for a refusal, or why there was no answer; null for a success. */
  problem: string | null;
}

interface Asked {
  tenant: string;
  /** In order; all but the last ended in nothing that a client can rely on. */
  exchanges: Exchange[];
  /** True once there was an answer that a repeat would not change. */
  answered: boolean;
}

/** A run asked for: a new one, or a retry of one that failed. */
export interface Submit extends Asked {
  kind: "submit";
  template: TemplateName;
  retryOf: string | null;
  idempotencyKey: string;
  /** The id of every answer: a repeat is to give the same. */
  runIds: string[];
}

/** A run that is to be cancelled. */
export interface Cancel extends Asked {
  kind: "cancel";
  runId: string;
}

/** A run looked at. */
export interface Look extends Asked {
  kind: "look";
  runId: string;
  /** The gateway process that had answered the run's submission or shown the run before; null: none had. */
  shownBefore: boolean;
  /** The status shown; null: not shown. */
  status: string | null;
}

/** A page of a tenant's runs. */
export interface List extends Asked {
  kind: "list";
  runIds: string[];
}

/** An onboarding with force_recreate_tables: open runs are cancelled, keys replaced. */
export interface Recreate extends Asked {
  kind: "recreate";
}

/** A further key asked for. */
export interface Issue extends Asked {
  kind: "issue";
  keyId: string | null;
}

/** A key's revocation, and what the gateway that answered says to that key right afterwards. */
export interface Revoke extends Asked {
  kind: "revoke";
  keyId: string;
  /** HTTP status of a read with the revoked key; null: unanswered. */
  afterwards: number | null;
}

export type Operation = Submit | Cancel | Look | List | Recreate | Issue | Revoke;

/** The templates of the load, by provider/domain/name. */
export const TEMPLATES = {
  noop: "gcp/example/noop",
  append: "gcp/chaos/append",
  fail: "gcp/chaos/fail",
  graph: "gcp/chaos/graph",
} as const;

export type TemplateName = keyof typeof TEMPLATES;

/** How a run of each template must end, unless it is cancelled, by its client or with its tenant's recreation. */
export const ENDS: Record<TemplateName, "COMPLETE" | "FAILED"> = {
  noop: "COMPLETE",
  append: "COMPLETE",
  fail: "FAILED",
  graph: "COMPLETE",
};
