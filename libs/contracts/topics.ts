/**
 * The topics: what each carries and how it is kept. Everything here is co-partitioned: one partition count for all,
 * so that one instance decides for a tenant.
 *
 * Glossary
 * - command: asks for something; has exactly one outcome event that names its command id.
 * - event: tells what was decided; written by one service alone, counted by the one reader function (libs/log).
 * - task: hands a step to a runner. result: what a runner reports back.
 * - snapshot: a tenant's folded state as of a version; checkpoint: where folding may start.
 * - claim: a writer's taking of a log partition; its offset is the epoch of the events that follow.
 * - tenant version: counts a tenant's events. run version: counts a run's events, for progress streams and MERGE.
 * - attempt: how often a step was handed out. try: grows only after a recorded failure, and names the warehouse job.
 * - parked table: one that cannot be written; its rows are passed over, and read again from the log once it can.
 * - sealing key: a key pair of tenant-service, shared by its instances; secrets travel there sealed to it.
 * - lease: for how long a runner's claim of a step holds unless renewed.
 */

const DAY_MS = 24 * 3_600_000;

interface TopicDeclaration {
  /** Null: kept compacted, the last record of each key. Infinity: for ever. */
  retentionMs: number | null;
  /** Its last records are written again where a power cut took them: appends need not wait for the disk. */
  remade?: true;
  /** The record types that it carries, by schema name. */
  carries: readonly string[];
}

/** Every topic of the platform, by name. */
export const TOPICS = {
  "tenant.commands": {
    retentionMs: 7 * DAY_MS,
    carries: [
      "OnboardTenant",
      "UpdateTenant",
      "IssueApiKey",
      "RotateApiKey",
      "RevokeApiKey",
      "ConfirmKeyDelivered",
      "SetCredential",
      "DeleteCredential",
    ],
  },
  "tenant.events": {
    retentionMs: Number.POSITIVE_INFINITY,
    carries: [
      "Claimed",
      "OnboardingAccepted",
      "OnboardingResumed",
      "TenantCommandRejected",
      "OldStateCleared",
      "DatasetProvisioned",
      "TablesProvisioned",
      "KeyRequested",
      "KeyIssued",
      "KeyFailed",
      "KeyActivated",
      "KeyEndAnnounced",
      "KeyRevoked",
      "KeyRevocationAnnounced",
      "KeyDelivered",
      "ValidationRequested",
      "OnboardingFinished",
      "OnboardingFailed",
      "CredentialRequested",
      "CredentialRepeated",
      "CredentialStored",
      "CredentialFailed",
      "CredentialRecorded",
      "CredentialDeleted",
      "CredentialForgotten",
      "TenantUpdated",
      "TenantRecorded",
    ],
  },
  tenants: { retentionMs: null, remade: true, carries: ["TenantSnapshot", "Checkpoint"] },
  "api-keys": { retentionMs: null, carries: ["ApiKeyRecord", "ApiKeyRevoked"] },
  credentials: { retentionMs: null, carries: ["CredentialRecord"] },
  "sealing-keys": { retentionMs: null, carries: ["SealingKeyAnnounced"] },
  "tenant.replies": { retentionMs: 3_600_000, carries: ["TenantReply"] },
  "run.commands": {
    retentionMs: 7 * DAY_MS,
    carries: [
      "SubmitRun",
      "CancelRun",
      "CancelOpenRuns",
      "PutSchedule",
      "DeleteSchedule",
      "StartBackfill",
      "CancelBackfill",
    ],
  },
  "run.events": {
    retentionMs: 30 * DAY_MS,
    carries: [
      "Claimed",
      "RunAccepted",
      "RunReleased",
      "RunRejected",
      "RunRepeated",
      "RunCancelAccepted",
      "RunCancelRejected",
      "OpenRunsCancelled",
      "StepStarted",
      "StepReissued",
      "StepFinished",
      "RunFinished",
      "ScheduleSet",
      "ScheduleTold",
      "ScheduleDeleted",
      "SlotsPassed",
      "BackfillAccepted",
      "BackfillCancelled",
      "OrderRejected",
    ],
  },
  "run.snapshots": {
    retentionMs: null,
    remade: true,
    carries: ["TenantRunsSnapshot", "SnapshotPart", "Checkpoint"],
  },
  "step.tasks": { retentionMs: 7 * DAY_MS, remade: true, carries: ["StepTask"] },
  "step.results": {
    retentionMs: 7 * DAY_MS,
    remade: true,
    carries: ["StepClaimed", "LeaseRenewed", "StepReported"],
  },
  "stopped-runs": { retentionMs: 3_600_000, remade: true, carries: ["RunStopped"] },
  "parked-tables": { retentionMs: null, carries: ["ParkedTable"] },
  runners: { retentionMs: null, remade: true, carries: ["RunnerAnnounced", "DispatcherAnnounced"] },
} as const satisfies Record<string, TopicDeclaration>;

export type Topic = keyof typeof TOPICS;

/** How long a dead-letter topic keeps its records, in milliseconds. */
export const DEAD_LETTER_RETENTION_MS = 30 * DAY_MS;

/** How a topic is kept, in the bus's terms. */
export interface TopicPlan {
  name: string;
  partitions: number;
  cleanup: "delete" | "compact";
  retentionMs: number | null;
  waitForDisk: boolean;
}

/** All topics, with a dead-letter topic for each that a consumer may fail on. */
export function topicSpecs(partitions: number): TopicPlan[] {
  return Object.entries(TOPICS).flatMap(([name, { retentionMs, remade }]: [string, TopicDeclaration]) => [
    {
      name,
      partitions,
      cleanup: retentionMs === null ? "compact" : "delete",
      retentionMs: retentionMs === Number.POSITIVE_INFINITY ? null : retentionMs,
      waitForDisk: remade !== true,
    },
    {
      name: `${name}.dlq`,
      partitions,
      cleanup: "delete",
      retentionMs: DEAD_LETTER_RETENTION_MS,
      waitForDisk: true,
    },
  ]);
}
