// Made by `npm run schemas` from schemas/*/*.avsc and topics.ts: change those.

/** The input record that led to an event. */
export interface Cause {
  topic: string;
  /** Offset in the event's own partition number of that topic. */
  offset: number;
}

/** Where folding a log partition may start, given the snapshots written before it. */
export interface Checkpoint {
  type: "Checkpoint";
  offset: number;
  /** Offset of the latest counted claim below; -1 for none. */
  claim: number;
  epoch: number;
}

/** A writer takes a log partition. It counts only if it follows the latest counted claim. */
export interface Claimed {
  type: "Claimed";
  /** Offset of the claim that its writer took for the latest counted one; -1 for none. */
  follows: number;
  nonce: string;
  /** The instance. */
  writer: string;
  at: number;
}

/** What every command bears. */
export interface CommandMeta {
  /** A UUID; its one outcome event names it. */
  command_id: string;
  /** In lower case. */
  tenant_id: string;
  /** The sender's time, Unix milliseconds. */
  at: number;
  /** The instance that sent it. */
  sent_by: string;
}

/** What every event of a log bears; the one reader function judges by it. */
export interface EventMeta {
  /** In lower case: the key of everything of this tenant. */
  tenant_id: string;
  /** Offset of the claim under which the writer appended it. */
  epoch: number;
  /** The tenant's version: the last counted one + 1. */
  version: number;
  /** The writer's time, Unix milliseconds. */
  at: number;
  /** Null for what time or an effect caused. */
  cause: Cause | null;
}

/** An Idempotency-Key as the client gave it, and what it stands for. */
export interface Idempotency {
  /** Route and key. */
  key: string;
  /** SHA-256 of the canonical body, hexadecimal. */
  body_hash: string;
}

/** How far a tenant has folded an input topic. */
export interface InputOffset {
  topic: string;
  offset: number;
}

/** A command that is answered when its effect is complete. */
export interface PendingReply {
  command_id: string;
  reply_to: ReplyTo;
  idempotency: Idempotency | null;
  requested_at: number;
}

/** One fault of a request. */
export interface Problem {
  field: string;
  message: string;
}

/** Where a tenant command is answered. */
export interface ReplyTo {
  /** The gateway instance: key of tenant.replies. */
  gateway: string;
  /** That process's ephemeral sealing key. */
  public_key: Buffer;
}

/** Who asked for something, and in which HTTP request. */
export interface Requester {
  /** `admin`, `local` (someone on the gateway's machine), or `key:` and the API key's id. */
  actor: string;
  /** The X-Request-Id of the request. */
  request_id: string | null;
}

/** A piece of a tenant's snapshot that is larger than a record may be. Nothing unless all pieces of its version are there. */
export interface SnapshotPart {
  type: "SnapshotPart";
  tenant_id: string;
  /** The tenant's version that the snapshot is of. */
  version: number;
  /** From 0. */
  part: number;
  /** How many there are. */
  parts: number;
  /** The pieces, joined in order, are the encoded snapshot. */
  bytes: Buffer;
}

/** W3C Trace Context: which request something is done for (libs/contracts/trace.ts). */
export interface Trace {
  traceparent: string;
  tracestate: string | null;
}

/** A template to be run for each date of a range. */
export interface Backfill {
  /** A random UUID made by the sender. */
  backfill_id: string;
  provider: string;
  domain: string;
  template: string;
  /** JSON object: the runs' variables, without date. */
  parameters: string;
  /** ISO date, inclusive. */
  from: string;
  /** ISO date, inclusive. */
  to: string;
  /** So many of its runs are open at once, at most. */
  max_concurrent: number;
  trigger_by: string;
}

/** Outcome of StartBackfill. */
export interface BackfillAccepted {
  type: "BackfillAccepted";
  meta: EventMeta;
  command_id: string;
  idempotency: Idempotency | null;
  /** The command's time. */
  requested_at: number;
  backfill: Backfill;
}

/** Outcome of CancelBackfill. */
export interface BackfillCancelled {
  type: "BackfillCancelled";
  meta: EventMeta;
  command_id: string;
  backfill_id: string;
}

/** A date of a backfill. */
export interface BackfillDate {
  backfill_id: string;
  /** ISO date. */
  date: string;
}

/** A backfill that is not over. */
export interface BackfillState {
  backfill: Backfill;
  /** The first date without a run or a refusal; the day after the last where all have one. */
  next: string;
  /** Its open runs by id. */
  open: string[];
  cancelled: boolean;
}

/** Command: begin no more dates, and end the open runs. */
export interface CancelBackfill {
  type: "CancelBackfill";
  meta: CommandMeta;
  backfill_id: string;
}

/** Command: end all open runs of a tenant (its dataset is about to be recreated). */
export interface CancelOpenRuns {
  type: "CancelOpenRuns";
  meta: CommandMeta;
  reason: string;
}

/** Command: end one open run. */
export interface CancelRun {
  type: "CancelRun";
  meta: CommandMeta;
  run_id: string;
  reason: string;
}

/** How many of a tenant's runs of one key may be under way at once. */
export interface Concurrency {
  key: string;
  limit: number;
}

/** Command: end a schedule. */
export interface DeleteSchedule {
  type: "DeleteSchedule";
  meta: CommandMeta;
  name: string;
}

/** A pipeline-service instance says how many tenants have steps ready. */
export interface DispatcherAnnounced {
  type: "DispatcherAnnounced";
  instance: string;
  ready_tenants: number;
  at: number;
}

/** Result: a runner is still at the step. */
export interface LeaseRenewed {
  type: "LeaseRenewed";
  tenant_id: string;
  run_id: string;
  index: number;
  attempt: number;
  runner: string;
  at: number;
}

/** What a failed step does to its run. */
export type OnFailure = "stop" | "continue" | "alert";

/** An open run, in a snapshot. */
export interface OpenRun {
  head: RunHead;
  version: number;
  status: RunStatus;
  steps: OpenStep[];
  /** Why it will end as FAILED, once its last steps are over. */
  failure: string | null;
  /** It waits for one of its tenant's places. */
  waits: boolean;
}

/** Outcome of CancelOpenRuns; a RunFinished for each follows. */
export interface OpenRunsCancelled {
  type: "OpenRunsCancelled";
  meta: EventMeta;
  command_id: string;
}

/** A step of an open run, in a snapshot. */
export interface OpenStep {
  planned: PlannedStep;
  status: StepStatus;
  attempt: number;
  try: number;
  started_at: number | null;
  error_message: string | null;
  not_before: number;
}

/** Outcome of PutSchedule, DeleteSchedule, StartBackfill or CancelBackfill: nothing was changed. */
export interface OrderRejected {
  type: "OrderRejected";
  meta: EventMeta;
  command_id: string;
  /** HTTP status for the client. */
  status: number;
  /** A stable slug. */
  reason: string;
  detail: string;
  problems: Problem[];
}

/** A tenant's table that cannot be written: the projection passed over its rows of one partition of run.events from an offset on. */
export interface ParkedTable {
  type: "ParkedTable";
  dataset: string;
  table: string;
  /** Of the first row that is not written. */
  offset: number;
  /** The claim that counts there; -1 for none. */
  claim: number;
  /** What the warehouse said. */
  reason: string;
  /** Unix milliseconds. */
  at: number;
}

/** A step resolved from its template. */
export interface PlannedStep {
  step_id: string;
  step_type: string;
  on_failure: OnFailure;
  /** JSON: the resolved step (libs/pipeline). */
  spec: string;
  /** The indexes of the steps that must be COMPLETE before; null: all that are written before it must be over. */
  depends_on: number[] | null;
  /** Null: the platform's own. */
  retry: RetryPolicy | null;
  /** The run that did it already: it is SKIPPED, and what depends on it begins. */
  done_by: string | null;
}

/** Command: set a schedule, new or in place of the one of its name. */
export interface PutSchedule {
  type: "PutSchedule";
  meta: CommandMeta;
  schedule: Schedule;
}

/** A recent Idempotency-Key, in a snapshot. */
export interface RecentKey {
  key: string;
  body_hash: string;
  run_id: string;
  at: number;
}

/** Goes on from where another run of the same template stood when it ended. */
export interface Resume {
  of_run: string;
  /** The template's, as that run had it. */
  config_version: string | null;
  /** The ids of the steps that are not run again. */
  done: string[];
}

/** How a failure that may pass is tried again. */
export interface RetryPolicy {
  /** Tries in all. */
  attempts: number;
  /** Before the second try. */
  pause_ms: number;
  /** By which each further pause is longer. */
  factor: number;
  max_pause_ms: number;
}

/** Outcome of SubmitRun: the run is PENDING. */
export interface RunAccepted {
  type: "RunAccepted";
  meta: EventMeta;
  command_id: string;
  idempotency: Idempotency | null;
  /** The command's time. */
  requested_at: number;
  run: RunHead;
  steps: PlannedStep[];
  /** As many of the tenant's runs as may be open at once are: it begins once it is released. */
  waits: boolean;
}

/** Outcome of a CancelRun: the run was open; its end follows. */
export interface RunCancelAccepted {
  type: "RunCancelAccepted";
  meta: EventMeta;
  command_id: string;
  run_id: string;
}

/** Outcome of a CancelRun: there is no such open run. */
export interface RunCancelRejected {
  type: "RunCancelRejected";
  meta: EventMeta;
  command_id: string;
  run_id: string;
}

/** The run reached its one terminal state. */
export interface RunFinished {
  type: "RunFinished";
  meta: EventMeta;
  run: RunHead;
  run_version: number;
  status: RunStatus;
  error_message: string | null;
  finished_at: number;
}

/** A run as it was accepted; never changes. */
export interface RunHead {
  run_id: string;
  /** The tenant id as it was onboarded: the dataset's name. */
  tenant_name: string;
  pipeline_id: string;
  provider: string;
  domain: string;
  template: string;
  /** SHA-256 of the template, hexadecimal. */
  config_version: string;
  trigger_type: TriggerType;
  trigger_by: string;
  /** JSON object. */
  parameters: string;
  /** ISO date. */
  run_date: string | null;
  /** Unix milliseconds: start_time in pipeline_runs. */
  accepted_at: number;
  /** Of the request that asked for it. */
  trace: Trace | null;
  /** From the start of its first step to its end, at most. */
  timeout_ms: number | null;
  concurrency: Concurrency | null;
  /** The schedule's slot that it is of. */
  slot: Slot | null;
  /** The backfill's date that it is of. */
  backfill: BackfillDate | null;
}

/** Outcome of SubmitRun: nothing was started. */
export interface RunRejected {
  type: "RunRejected";
  meta: EventMeta;
  command_id: string;
  run_id: string;
  /** HTTP status for the client. */
  status: number;
  /** A stable slug. */
  reason: string;
  detail: string;
  problems: Problem[];
  slot: Slot | null;
  backfill: BackfillDate | null;
}

/** A run that waited for one of its tenant's places has one: it may begin. */
export interface RunReleased {
  type: "RunReleased";
  meta: EventMeta;
  run_id: string;
}

/** Outcome of SubmitRun: its Idempotency-Key was used before. */
export interface RunRepeated {
  type: "RunRepeated";
  meta: EventMeta;
  command_id: string;
  /** As asked for; no such run. */
  run_id: string;
  first_run_id: string;
}

export type RunStatus = "PENDING" | "RUNNING" | "COMPLETE" | "FAILED" | "CANCELLED";

/** Told to runners: the run ended while steps of it were in flight; they are to be stopped. */
export interface RunStopped {
  type: "RunStopped";
  tenant_id: string;
  run_id: string;
  at: number;
}

/** A step-runner says what it has to offer. */
export interface RunnerAnnounced {
  type: "RunnerAnnounced";
  runner: string;
  slots: number;
  partitions: number[];
  at: number;
}

/** What a tenant wants run, and when. */
export interface Schedule {
  /** Unique in the tenant. */
  name: string;
  provider: string;
  domain: string;
  template: string;
  /** JSON object: the runs' variables. */
  parameters: string;
  /** Five fields. */
  cron: string;
  /** IANA name. */
  timezone: string;
  /** What becomes of slots that were missed: none, last, or all. */
  catch_up: string;
  /** Of all: so many of the latest. */
  catch_up_max: number;
  enabled: boolean;
}

/** Outcome of DeleteSchedule. */
export interface ScheduleDeleted {
  type: "ScheduleDeleted";
  meta: EventMeta;
  command_id: string;
  name: string;
}

/** Outcome of PutSchedule. */
export interface ScheduleSet {
  type: "ScheduleSet";
  meta: EventMeta;
  command_id: string;
  state: ScheduleState;
}

/** A schedule and how far it is done. */
export interface ScheduleState {
  schedule: Schedule;
  /** Unix milliseconds. */
  set_at: number;
  /** Slots up to this moment are done with: they had a run, a refusal, or were passed over. Unix milliseconds. */
  done_to: number;
  /** The last slot that had a run or a refusal, Unix milliseconds. */
  last_slot: number | null;
  /** The run of the last slot that had one. */
  last_run_id: string | null;
  /** Why the last slot had no run; null where it had one. */
  last_refusal: string | null;
  /** The slots after this moment, up to passed_to, were missed and passed over last. Unix milliseconds. */
  passed_from: number | null;
  passed_to: number | null;
  /** When an event last told all of this, Unix milliseconds. */
  told_at: number;
}

/** A schedule as it is, told again while the event that told it last is still stored. */
export interface ScheduleTold {
  type: "ScheduleTold";
  meta: EventMeta;
  state: ScheduleState;
}

/** A moment at which a schedule is due. */
export interface Slot {
  schedule: string;
  /** Unix milliseconds. */
  at: number;
}

/** Slots that were missed are passed over, as the schedule's catch-up says. */
export interface SlotsPassed {
  type: "SlotsPassed";
  meta: EventMeta;
  schedule: string;
  /** Exclusive, Unix milliseconds. */
  from: number;
  /** Inclusive, Unix milliseconds. */
  to: number;
}

/** Command: run a template for each date of a range. */
export interface StartBackfill {
  type: "StartBackfill";
  meta: CommandMeta;
  backfill: Backfill;
  idempotency: Idempotency | null;
}

/** Result: a runner has begun the step. */
export interface StepClaimed {
  type: "StepClaimed";
  tenant_id: string;
  run_id: string;
  index: number;
  attempt: number;
  runner: string;
  at: number;
}

/** A step reached COMPLETE, FAILED, SKIPPED or CANCELLED. */
export interface StepFinished {
  type: "StepFinished";
  meta: EventMeta;
  step: StepHead;
  run_version: number;
  status: StepStatus;
  attempt: number;
  started_at: number;
  finished_at: number;
  rows_processed: number | null;
  bytes_processed: number | null;
  error_message: string | null;
  /** JSON object. */
  metadata: string | null;
  runner: string | null;
  /** It failed, and its author wants people to be told. */
  alert: boolean;
}

/** Which step of which run. */
export interface StepHead {
  run_id: string;
  tenant_name: string;
  index: number;
  step_id: string;
  step_type: string;
  run_accepted_at: number;
}

/** A step is handed out again: its lease ran out, or its failure may be tried again. */
export interface StepReissued {
  type: "StepReissued";
  meta: EventMeta;
  step: StepHead;
  run_version: number;
  /** The new one. */
  attempt: number;
  /** Grows only after a recorded failure. */
  try: number;
  reason: string;
  /** When it may be handed out, Unix milliseconds. */
  not_before: number;
}

/** Result: a runner ended the step. */
export interface StepReported {
  type: "StepReported";
  tenant_id: string;
  run_id: string;
  index: number;
  attempt: number;
  runner: string;
  ok: boolean;
  /** A failure that another try may mend. */
  retryable: boolean;
  finished_at: number;
  rows_processed: number | null;
  bytes_processed: number | null;
  error_message: string | null;
  metadata: string | null;
}

/** A runner claimed the step. */
export interface StepStarted {
  type: "StepStarted";
  meta: EventMeta;
  step: StepHead;
  run_version: number;
  attempt: number;
  try: number;
  runner: string;
  /** Of the first attempt. */
  started_at: number;
}

export type StepStatus = "PENDING" | "RUNNING" | "COMPLETE" | "FAILED" | "SKIPPED" | "CANCELLED";

/** Work for a runner. */
export interface StepTask {
  type: "StepTask";
  step: StepHead;
  tenant_id: string;
  attempt: number;
  try: number;
  lease_ms: number;
  spec: string;
  issued_at: number;
  issued_by: string;
}

/** Command: run a template for a tenant. */
export interface SubmitRun {
  type: "SubmitRun";
  meta: CommandMeta;
  /** A random UUID made by the sender. */
  run_id: string;
  provider: string;
  domain: string;
  template: string;
  /** JSON object as sent, without trigger_by. */
  parameters: string;
  trigger_by: string;
  trigger_type: TriggerType;
  idempotency: Idempotency | null;
  resume: Resume | null;
  /** The tenant as the sender knew it: it is decided on that version or a later one. */
  tenant_version: number;
}

/** State of a tenant's runs as of a version. */
export interface TenantRunsSnapshot {
  type: "TenantRunsSnapshot";
  tenant_id: string;
  version: number;
  inputs: InputOffset[];
  /** The last commands that had an outcome, by id, oldest first: one that is stored twice is decided once. */
  recent_commands: string[];
  runs: OpenRun[];
  recent_keys: RecentKey[];
  schedules: ScheduleState[];
  backfills: BackfillState[];
  /** Start of the month (UTC) that the last run which counts was accepted in. */
  month: number;
  /** How many runs were accepted in it that count against the quota. */
  month_runs: number;
}

/** What started a run. */
export type TriggerType = "api" | "scheduler" | "backfill" | "retry" | "onboarding";

/** A key in force, as gateways know it. */
export interface ApiKeyRecord {
  type: "ApiKeyRecord";
  key_id: string;
  tenant_id: string;
  tenant_name: string;
  hash: Buffer;
  scopes: string[];
  created_at: number;
  expires_at: number | null;
}

/** Final for every reader. */
export interface ApiKeyRevoked {
  type: "ApiKeyRevoked";
  key_id: string;
  tenant_id: string;
  revoked_at: number;
}

/** Command: the key reached its owner. */
export interface ConfirmKeyDelivered {
  type: "ConfirmKeyDelivered";
  meta: CommandMeta;
  key_id: string;
}

/** No step gets it from now on. Outcome of DeleteCredential where command_id is set. */
export interface CredentialDeleted {
  type: "CredentialDeleted";
  meta: EventMeta;
  command_id: string | null;
  name: string;
  reply_to: ReplyTo | null;
  /** Who asked; null for the platform itself. */
  by: Requester | null;
}

/** It could not be encrypted, so nothing was changed. */
export interface CredentialFailed {
  type: "CredentialFailed";
  meta: EventMeta;
  credential_id: string;
  name: string;
  /** HTTP status for the client. */
  status: number;
  reason: string;
  detail: string;
}

/** The ciphertext of one that is in force no more is gone from the topic and the table. */
export interface CredentialForgotten {
  type: "CredentialForgotten";
  meta: EventMeta;
  credential_id: string;
}

/** A secret is encrypted and then in force (ACTIVE), until it is replaced or deleted (ENDED) and its ciphertext removed (DEAD). */
export type CredentialPhase = "REQUESTED" | "ACTIVE" | "ENDED" | "DEAD";

/** A secret's ciphertext, for the runner. It counts only while the tenant's snapshot has it in force. */
export interface CredentialRecord {
  type: "CredentialRecord";
  credential_id: string;
  tenant_id: string;
  /** By the key-encryption key, bound to tenant, id and purpose. */
  encrypted: Buffer;
}

/** Its row is in the tenant's table. */
export interface CredentialRecorded {
  type: "CredentialRecorded";
  meta: EventMeta;
  credential_id: string;
}

/** Outcome of a SetCredential that was carried out before: it is answered as then. */
export interface CredentialRepeated {
  type: "CredentialRepeated";
  meta: EventMeta;
  command_id: string;
  credential_id: string;
  reply_to: ReplyTo;
}

/** Outcome of SetCredential: the secret is to be encrypted under the key-encryption key. */
export interface CredentialRequested {
  type: "CredentialRequested";
  meta: EventMeta;
  command_id: string;
  credential_id: string;
  name: string;
  provider: string;
  credential_type: string;
  sealed: Buffer;
  sealing_key_id: string;
  idempotency: Idempotency | null;
  requested_at: number;
  reply_to: ReplyTo;
  /** Who asked; null for the platform itself. */
  by: Requester | null;
}

/** A secret that was stored under a name, in a snapshot. */
export interface CredentialState {
  credential_id: string;
  name: string;
  provider: string;
  credential_type: string;
  phase: CredentialPhase;
  /** Kept until it is encrypted. */
  sealed: Buffer | null;
  sealing_key_id: string;
  /** Kept until it is in the tenant's table. */
  encrypted: Buffer | null;
  /** When a secret was first stored under its name. */
  created_at: number;
  updated_at: number;
  /** The command that asked for it. */
  request: PendingReply | null;
}

/** Encrypted, and in force in place of an earlier one of its name. */
export interface CredentialStored {
  type: "CredentialStored";
  meta: EventMeta;
  credential_id: string;
  name: string;
  encrypted: Buffer;
}

export interface DatasetProvisioned {
  type: "DatasetProvisioned";
  meta: EventMeta;
  created: boolean;
}

/** Command. */
export interface DeleteCredential {
  type: "DeleteCredential";
  meta: CommandMeta;
  name: string;
  reply_to: ReplyTo;
  /** Who asked; null for the platform itself. */
  by: Requester | null;
}

export type DryrunStatus = "SUCCESS" | "FAILED";

/** Command. */
export interface IssueApiKey {
  type: "IssueApiKey";
  meta: CommandMeta;
  scopes: string[];
  expires_at: number | null;
  idempotency: Idempotency | null;
  reply_to: ReplyTo;
  /** Who asked; null for the platform itself, and in records of before it was kept. */
  by: Requester | null;
}

/** The key is stored and announced: it is in force. */
export interface KeyActivated {
  type: "KeyActivated";
  meta: EventMeta;
  key_id: string;
}

/** The key reached its owner. Outcome of ConfirmKeyDelivered. */
export interface KeyDelivered {
  type: "KeyDelivered";
  meta: EventMeta;
  command_id: string;
  key_id: string;
}

/** The end of a rotated key's grace time is stored and announced. */
export interface KeyEndAnnounced {
  type: "KeyEndAnnounced";
  meta: EventMeta;
  key_id: string;
}

/** The key could not be encrypted, so there is none and never will be. */
export interface KeyFailed {
  type: "KeyFailed";
  meta: EventMeta;
  key_id: string;
  /** HTTP status for the client. */
  status: number;
  reason: string;
  detail: string;
}

/** A key exists, encrypted; it is not in force yet. */
export interface KeyIssued {
  type: "KeyIssued";
  meta: EventMeta;
  key_id: string;
  /** SHA-256 of the key. */
  hash: Buffer;
  /** The key under the platform's key-encryption key. */
  encrypted: Buffer;
  scopes: string[];
  expires_at: number | null;
}

/** A key is issued, then stored and announced (ACTIVE), then perhaps revoked and that announced (DEAD). */
export type KeyPhase = "REQUESTED" | "ISSUED" | "ACTIVE" | "REVOKED" | "DEAD";

/** Outcome of IssueApiKey and RotateApiKey. */
export interface KeyRequested {
  type: "KeyRequested";
  meta: EventMeta;
  command_id: string;
  key_id: string;
  scopes: string[];
  expires_at: number | null;
  idempotency: Idempotency | null;
  requested_at: number;
  reply_to: ReplyTo;
  /** Who asked; null for the platform itself, and in records of before it was kept. */
  by: Requester | null;
  /** The key, by id, that this one is the rotation of. */
  replaces: string | null;
  /** For how long the replaced key lives, once this one is in force. */
  grace_ms: number;
}

/** The revocation is stored and announced. */
export interface KeyRevocationAnnounced {
  type: "KeyRevocationAnnounced";
  meta: EventMeta;
  key_id: string;
}

/** The key is to be refused from now on. Outcome of RevokeApiKey where command_id is set. */
export interface KeyRevoked {
  type: "KeyRevoked";
  meta: EventMeta;
  command_id: string | null;
  key_id: string;
  reply_to: ReplyTo | null;
  /** Who asked; null for the platform itself, and in records of before it was kept. */
  by: Requester | null;
}

/** A key, in a snapshot. */
export interface KeyState {
  key_id: string;
  phase: KeyPhase;
  hash: Buffer | null;
  /** Kept until the key is delivered. */
  encrypted: Buffer | null;
  scopes: string[];
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  delivered: boolean;
  /** The command that waits for it. */
  request: PendingReply | null;
  /** The commands that asked for its revocation and wait for the announcement. */
  revocations: PendingReply[];
  /** The key, by id, that this one is the rotation of. */
  replaces: string | null;
  /** For how long the replaced key lives, once this one is in force. */
  grace_ms: number;
  /** The key, by id, that is in force in its place. */
  replaced_by: string | null;
  /** Its new end, expires_at, is not announced yet. */
  end_untold: boolean;
}

/** Open runs, and what the force flags name, are gone. */
export interface OldStateCleared {
  type: "OldStateCleared";
  meta: EventMeta;
}

/** Command. */
export interface OnboardTenant {
  type: "OnboardTenant";
  meta: CommandMeta;
  /** The tenant id as spelled by the client: the dataset's name. */
  tenant_name: string;
  force_recreate_dataset: boolean;
  force_recreate_tables: boolean;
  idempotency: Idempotency | null;
  reply_to: ReplyTo;
  /** Who asked; null for the platform itself, and in records of before it was kept. */
  by: Requester | null;
}

/** Outcome of OnboardTenant: an onboarding begins. */
export interface OnboardingAccepted {
  type: "OnboardingAccepted";
  meta: EventMeta;
  command_id: string;
  tenant_name: string;
  force_recreate_dataset: boolean;
  force_recreate_tables: boolean;
  idempotency: Idempotency | null;
  /** Subscription tier of a new tenant. */
  tier: string;
  requested_at: number;
  reply_to: ReplyTo;
  /** Of the key that it will issue. */
  key_id: string;
  /** Of the validation run that it will ask for. */
  run_id: string;
  /** Of the request that asked for it. */
  trace: Trace | null;
  /** Who asked; null for the platform itself, and in records of before it was kept. */
  by: Requester | null;
}

/** It cannot go on; a repeat begins anew. */
export interface OnboardingFailed {
  type: "OnboardingFailed";
  meta: EventMeta;
  /** HTTP status for the client. */
  status: number;
  reason: string;
  detail: string;
}

export interface OnboardingFinished {
  type: "OnboardingFinished";
  meta: EventMeta;
  dryrun_status: DryrunStatus;
  dryrun_error: string | null;
}

/** What an onboarding does next. */
export type OnboardingPhase = "CLEAR" | "DATASET" | "TABLES" | "KEY" | "VALIDATE" | "DONE" | "FAILED";

/** Outcome of OnboardTenant: the one under way goes on and answers this command too. */
export interface OnboardingResumed {
  type: "OnboardingResumed";
  meta: EventMeta;
  command_id: string;
  reply_to: ReplyTo;
  idempotency: Idempotency | null;
  requested_at: number;
  /** Who asked; null for the platform itself, and in records of before it was kept. */
  by: Requester | null;
}

/** An onboarding, in a snapshot. */
export interface OnboardingState {
  pending: PendingReply[];
  phase: OnboardingPhase;
  force_recreate_dataset: boolean;
  force_recreate_tables: boolean;
  key_id: string;
  run_id: string;
  dataset_created: boolean;
  tables_created: string[];
  log_partition: number;
  log_offset: number;
  dryrun_status: DryrunStatus | null;
  started_at: number;
  /** Of the request that asked for it. */
  trace: Trace | null;
}

/** A tenant's own limit from now on; null: its tier's. */
export interface QuotaChange {
  limit: number | null;
}

/** Command. */
export interface RevokeApiKey {
  type: "RevokeApiKey";
  meta: CommandMeta;
  key_id: string;
  reply_to: ReplyTo;
  /** Who asked; null for the platform itself, and in records of before it was kept. */
  by: Requester | null;
}

/** Command: a new key in place of this one, which lives on for a grace time. */
export interface RotateApiKey {
  type: "RotateApiKey";
  meta: CommandMeta;
  key_id: string;
  /** For how long the old key lives, once the new one is in force. */
  grace_ms: number;
  idempotency: Idempotency | null;
  reply_to: ReplyTo;
  /** Who asked; null for the platform itself, and in records of before it was kept. */
  by: Requester | null;
}

/** A key pair of tenant-service: secrets are sealed to it on their way there. */
export interface SealingKeyAnnounced {
  type: "SealingKeyAnnounced";
  key_id: string;
  public_key: Buffer;
  /** The private key, encrypted by the key-encryption key. */
  wrapped_key: Buffer;
  created_at: number;
}

/** Command: store a secret under a name, in place of the one that is there. */
export interface SetCredential {
  type: "SetCredential";
  meta: CommandMeta;
  name: string;
  provider: string;
  credential_type: string;
  /** The secret, sealed to tenant-service: bound to tenant, name and command. */
  sealed: Buffer;
  sealing_key_id: string;
  idempotency: Idempotency | null;
  reply_to: ReplyTo;
  /** Who asked; null for the platform itself. */
  by: Requester | null;
}

export interface TablesProvisioned {
  type: "TablesProvisioned";
  meta: EventMeta;
  tables: string[];
}

/** Outcome of a tenant command: nothing was done. */
export interface TenantCommandRejected {
  type: "TenantCommandRejected";
  meta: EventMeta;
  command_id: string;
  status: number;
  reason: string;
  detail: string;
  gateway: string;
  /** Who asked; null for the platform itself, and in records of before it was kept. */
  by: Requester | null;
  /** The refused command's type. */
  command: string;
}

export type TenantLifecycle = "ONBOARDING" | "ACTIVE" | "SUSPENDED" | "OFFBOARDED";

/** The platform's tenants table shows the tenant as of a version. */
export interface TenantRecorded {
  type: "TenantRecorded";
  meta: EventMeta;
  of_version: number;
}

/** Answer to a tenant command, for one gateway. */
export interface TenantReply {
  type: "TenantReply";
  command_id: string;
  gateway: string;
  /** HTTP status. */
  status: number;
  reason: string | null;
  detail: string | null;
  /** JSON, without secrets. */
  body: string | null;
  key_id: string | null;
  /** The API key, sealed to that gateway's process. */
  sealed_key: Buffer | null;
}

/** A tenant as of a version: tenant-service's snapshot, and what the others know of it. */
export interface TenantSnapshot {
  type: "TenantSnapshot";
  tenant_id: string;
  tenant_name: string;
  version: number;
  inputs: InputOffset[];
  /** The last commands that had an outcome, by id, oldest first: one that is stored twice is decided once. */
  recent_commands: string[];
  lifecycle: TenantLifecycle;
  tier: string;
  created_at: number;
  updated_at: number;
  onboarding: OnboardingState | null;
  keys: KeyState[];
  credentials: CredentialState[];
  /** The tenant's own; null: its tier's. */
  max_pipelines_per_month: number | null;
  /** The tenant's own; null: its tier's. */
  max_concurrent_pipelines: number | null;
  /** Null while it is not suspended. */
  suspended_at: number | null;
  suspension_reason: string | null;
  /** Source datasets beside its own that it may read, as project.dataset. */
  grants: string[];
  /** The version that the platform's tenants table is yet to show. */
  unrecorded: number | null;
}

/** Outcome of UpdateTenant: all that it may change, as it is from now on. */
export interface TenantUpdated {
  type: "TenantUpdated";
  meta: EventMeta;
  command_id: string;
  /** What was done, as the audit log names it. */
  action: string;
  tier: string;
  /** The tenant's own; null: its tier's. */
  max_pipelines_per_month: number | null;
  /** The tenant's own; null: its tier's. */
  max_concurrent_pipelines: number | null;
  /** Null while it is not suspended. */
  suspended_at: number | null;
  suspension_reason: string | null;
  grants: string[];
  reply_to: ReplyTo;
  /** Who asked; null for the platform itself. */
  by: Requester | null;
}

/** Command: change a tenant's tier, quotas, suspension or grants. What is null stays as it is. */
export interface UpdateTenant {
  type: "UpdateTenant";
  meta: CommandMeta;
  tier: string | null;
  max_pipelines_per_month: QuotaChange | null;
  max_concurrent_pipelines: QuotaChange | null;
  /** True suspends, false resumes. */
  suspend: boolean | null;
  /** Why it is suspended. */
  reason: string | null;
  /** A source dataset that the tenant may read from now on, as project.dataset. */
  grant: string | null;
  /** One that it may not read any more. */
  ungrant: string | null;
  reply_to: ReplyTo;
  /** Who asked; null for the platform itself. */
  by: Requester | null;
}

/** The validation run is about to be asked for. */
export interface ValidationRequested {
  type: "ValidationRequested";
  meta: EventMeta;
  run_id: string;
  log_partition: number;
  /** End of run.events before the request: its outcome comes after. */
  log_offset: number;
}

/** What tenant.commands carries. */
export type TenantCommandsMessage = OnboardTenant | UpdateTenant | IssueApiKey | RotateApiKey | RevokeApiKey | ConfirmKeyDelivered | SetCredential | DeleteCredential;
export const TENANT_COMMANDS_TYPES = ["OnboardTenant", "UpdateTenant", "IssueApiKey", "RotateApiKey", "RevokeApiKey", "ConfirmKeyDelivered", "SetCredential", "DeleteCredential"] as const;

/** What tenant.events carries. */
export type TenantEventsMessage = Claimed | OnboardingAccepted | OnboardingResumed | TenantCommandRejected | OldStateCleared | DatasetProvisioned | TablesProvisioned | KeyRequested | KeyIssued | KeyFailed | KeyActivated | KeyEndAnnounced | KeyRevoked | KeyRevocationAnnounced | KeyDelivered | ValidationRequested | OnboardingFinished | OnboardingFailed | CredentialRequested | CredentialRepeated | CredentialStored | CredentialFailed | CredentialRecorded | CredentialDeleted | CredentialForgotten | TenantUpdated | TenantRecorded;
export const TENANT_EVENTS_TYPES = ["Claimed", "OnboardingAccepted", "OnboardingResumed", "TenantCommandRejected", "OldStateCleared", "DatasetProvisioned", "TablesProvisioned", "KeyRequested", "KeyIssued", "KeyFailed", "KeyActivated", "KeyEndAnnounced", "KeyRevoked", "KeyRevocationAnnounced", "KeyDelivered", "ValidationRequested", "OnboardingFinished", "OnboardingFailed", "CredentialRequested", "CredentialRepeated", "CredentialStored", "CredentialFailed", "CredentialRecorded", "CredentialDeleted", "CredentialForgotten", "TenantUpdated", "TenantRecorded"] as const;

/** What tenants carries. */
export type TenantsMessage = TenantSnapshot | Checkpoint;
export const TENANTS_TYPES = ["TenantSnapshot", "Checkpoint"] as const;

/** What api-keys carries. */
export type ApiKeysMessage = ApiKeyRecord | ApiKeyRevoked;
export const API_KEYS_TYPES = ["ApiKeyRecord", "ApiKeyRevoked"] as const;

/** What credentials carries. */
export type CredentialsMessage = CredentialRecord;
export const CREDENTIALS_TYPES = ["CredentialRecord"] as const;

/** What sealing-keys carries. */
export type SealingKeysMessage = SealingKeyAnnounced;
export const SEALING_KEYS_TYPES = ["SealingKeyAnnounced"] as const;

/** What tenant.replies carries. */
export type TenantRepliesMessage = TenantReply;
export const TENANT_REPLIES_TYPES = ["TenantReply"] as const;

/** What run.commands carries. */
export type RunCommandsMessage = SubmitRun | CancelRun | CancelOpenRuns | PutSchedule | DeleteSchedule | StartBackfill | CancelBackfill;
export const RUN_COMMANDS_TYPES = ["SubmitRun", "CancelRun", "CancelOpenRuns", "PutSchedule", "DeleteSchedule", "StartBackfill", "CancelBackfill"] as const;

/** What run.events carries. */
export type RunEventsMessage = Claimed | RunAccepted | RunReleased | RunRejected | RunRepeated | RunCancelAccepted | RunCancelRejected | OpenRunsCancelled | StepStarted | StepReissued | StepFinished | RunFinished | ScheduleSet | ScheduleTold | ScheduleDeleted | SlotsPassed | BackfillAccepted | BackfillCancelled | OrderRejected;
export const RUN_EVENTS_TYPES = ["Claimed", "RunAccepted", "RunReleased", "RunRejected", "RunRepeated", "RunCancelAccepted", "RunCancelRejected", "OpenRunsCancelled", "StepStarted", "StepReissued", "StepFinished", "RunFinished", "ScheduleSet", "ScheduleTold", "ScheduleDeleted", "SlotsPassed", "BackfillAccepted", "BackfillCancelled", "OrderRejected"] as const;

/** What run.snapshots carries. */
export type RunSnapshotsMessage = TenantRunsSnapshot | SnapshotPart | Checkpoint;
export const RUN_SNAPSHOTS_TYPES = ["TenantRunsSnapshot", "SnapshotPart", "Checkpoint"] as const;

/** What step.tasks carries. */
export type StepTasksMessage = StepTask;
export const STEP_TASKS_TYPES = ["StepTask"] as const;

/** What step.results carries. */
export type StepResultsMessage = StepClaimed | LeaseRenewed | StepReported;
export const STEP_RESULTS_TYPES = ["StepClaimed", "LeaseRenewed", "StepReported"] as const;

/** What stopped-runs carries. */
export type StoppedRunsMessage = RunStopped;
export const STOPPED_RUNS_TYPES = ["RunStopped"] as const;

/** What parked-tables carries. */
export type ParkedTablesMessage = ParkedTable;
export const PARKED_TABLES_TYPES = ["ParkedTable"] as const;

/** What runners carries. */
export type RunnersMessage = RunnerAnnounced | DispatcherAnnounced;
export const RUNNERS_TYPES = ["RunnerAnnounced", "DispatcherAnnounced"] as const;

/** An event as a decision states it: the log's writer adds the meta. */
export type Unstamped<E> = E extends { meta: EventMeta } ? Omit<E, "meta"> : never;

/** Any record of any topic. */
export type Message = OnboardTenant | UpdateTenant | IssueApiKey | RotateApiKey | RevokeApiKey | ConfirmKeyDelivered | SetCredential | DeleteCredential | Claimed | OnboardingAccepted | OnboardingResumed | TenantCommandRejected | OldStateCleared | DatasetProvisioned | TablesProvisioned | KeyRequested | KeyIssued | KeyFailed | KeyActivated | KeyEndAnnounced | KeyRevoked | KeyRevocationAnnounced | KeyDelivered | ValidationRequested | OnboardingFinished | OnboardingFailed | CredentialRequested | CredentialRepeated | CredentialStored | CredentialFailed | CredentialRecorded | CredentialDeleted | CredentialForgotten | TenantUpdated | TenantRecorded | TenantSnapshot | Checkpoint | ApiKeyRecord | ApiKeyRevoked | CredentialRecord | SealingKeyAnnounced | TenantReply | SubmitRun | CancelRun | CancelOpenRuns | PutSchedule | DeleteSchedule | StartBackfill | CancelBackfill | RunAccepted | RunReleased | RunRejected | RunRepeated | RunCancelAccepted | RunCancelRejected | OpenRunsCancelled | StepStarted | StepReissued | StepFinished | RunFinished | ScheduleSet | ScheduleTold | ScheduleDeleted | SlotsPassed | BackfillAccepted | BackfillCancelled | OrderRejected | TenantRunsSnapshot | SnapshotPart | StepTask | StepClaimed | LeaseRenewed | StepReported | RunStopped | ParkedTable | RunnerAnnounced | DispatcherAnnounced;

export type MessageType = Message["type"];

export type MessageOf<T extends MessageType> = Extract<Message, { type: T }>;

export const MESSAGE_TYPES = ["OnboardTenant", "UpdateTenant", "IssueApiKey", "RotateApiKey", "RevokeApiKey", "ConfirmKeyDelivered", "SetCredential", "DeleteCredential", "Claimed", "OnboardingAccepted", "OnboardingResumed", "TenantCommandRejected", "OldStateCleared", "DatasetProvisioned", "TablesProvisioned", "KeyRequested", "KeyIssued", "KeyFailed", "KeyActivated", "KeyEndAnnounced", "KeyRevoked", "KeyRevocationAnnounced", "KeyDelivered", "ValidationRequested", "OnboardingFinished", "OnboardingFailed", "CredentialRequested", "CredentialRepeated", "CredentialStored", "CredentialFailed", "CredentialRecorded", "CredentialDeleted", "CredentialForgotten", "TenantUpdated", "TenantRecorded", "TenantSnapshot", "Checkpoint", "ApiKeyRecord", "ApiKeyRevoked", "CredentialRecord", "SealingKeyAnnounced", "TenantReply", "SubmitRun", "CancelRun", "CancelOpenRuns", "PutSchedule", "DeleteSchedule", "StartBackfill", "CancelBackfill", "RunAccepted", "RunReleased", "RunRejected", "RunRepeated", "RunCancelAccepted", "RunCancelRejected", "OpenRunsCancelled", "StepStarted", "StepReissued", "StepFinished", "RunFinished", "ScheduleSet", "ScheduleTold", "ScheduleDeleted", "SlotsPassed", "BackfillAccepted", "BackfillCancelled", "OrderRejected", "TenantRunsSnapshot", "SnapshotPart", "StepTask", "StepClaimed", "LeaseRenewed", "StepReported", "RunStopped", "ParkedTable", "RunnerAnnounced", "DispatcherAnnounced"] as const;

