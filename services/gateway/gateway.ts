import { authenticate, starting, type TenantCaller } from "./access.ts";
import { Delivery } from "./delivery.ts";
import type { GatewayDeps } from "./deps.ts";
import { RunStreams } from "./events/streams.ts";
import { type Health, readHealth } from "./health.ts";
import { issueKey, listKeys, revokeKey } from "./operations/api-keys.ts";
import { cancelBackfill, readBackfill, startBackfill } from "./operations/backfills.ts";
import type { Context } from "./operations/context.ts";
import {
  deleteCredential,
  listCredentials,
  readCredential,
  setCredential,
} from "./operations/credentials.ts";
import { readCustomer } from "./operations/customers.ts";
import { cancelRun, retryRun } from "./operations/end-runs.ts";
import { Estimates } from "./operations/estimates.ts";
import { followRun } from "./operations/follow-run.ts";
import { onboard } from "./operations/onboard.ts";
import { readAudit } from "./operations/read-audit.ts";
import { listRuns, readRun, readSteps } from "./operations/read-runs.ts";
import { rotateKey } from "./operations/rotate-key.ts";
import { deleteSchedule, listSchedules, putSchedule, readSchedule } from "./operations/schedules.ts";
import { submitRun } from "./operations/submit-run.ts";
import { listTemplates, readTemplate } from "./operations/templates.ts";
import { updateCustomer } from "./operations/update-customer.ts";
import { validateTemplate } from "./operations/validate-template.ts";
import { Replies } from "./replies.ts";
import { AuditView } from "./views/audit/view.ts";
import { openDatabases, prepare } from "./views/database.ts";
import { KeysView } from "./views/keys.ts";
import { RunsView } from "./views/runs/view.ts";
import { SealingKeysView } from "./views/sealing-keys.ts";
import { TenantsView } from "./views/tenants.ts";

/**
 * The gateway without HTTP. Operations throw ApiProblem for whatever a client is to be told; all waiting is by the
 * clock that was handed in.
 */
export interface Gateway {
  /** Resolves once the views may be asked; until then operations are refused with 503. */
  readonly ready: Promise<void>;
  health(): Promise<Health>;
  /** @throws ApiProblem 401; 503 while starting */
  authenticate(apiKey: string | undefined): TenantCaller;
  onboard: Operation<typeof onboard>;
  customer: Operation<typeof readCustomer>;
  updateCustomer: Operation<typeof updateCustomer>;
  listKeys: Operation<typeof listKeys>;
  issueKey: Operation<typeof issueKey>;
  rotateKey: Operation<typeof rotateKey>;
  revokeKey: Operation<typeof revokeKey>;
  setCredential: Operation<typeof setCredential>;
  listCredentials: Operation<typeof listCredentials>;
  readCredential: Operation<typeof readCredential>;
  deleteCredential: Operation<typeof deleteCredential>;
  audit: Operation<typeof readAudit>;
  submitRun: Operation<typeof submitRun>;
  cancelRun: Operation<typeof cancelRun>;
  retryRun: Operation<typeof retryRun>;
  run: Operation<typeof readRun>;
  steps: Operation<typeof readSteps>;
  runs: Operation<typeof listRuns>;
  followRun: Operation<typeof followRun>;
  putSchedule: Operation<typeof putSchedule>;
  deleteSchedule: Operation<typeof deleteSchedule>;
  schedule: Operation<typeof readSchedule>;
  schedules: Operation<typeof listSchedules>;
  startBackfill: Operation<typeof startBackfill>;
  backfill: Operation<typeof readBackfill>;
  cancelBackfill: Operation<typeof cancelBackfill>;
  templates: Operation<typeof listTemplates>;
  template: Operation<typeof readTemplate>;
  validateTemplate: Operation<typeof validateTemplate>;
  /** Ends the streams that followRun opened, and opens no more: before the HTTP server closes. */
  endStreams(): void;
  /** Stops reading, stores the views, closes the files it opened. */
  stop(): Promise<void>;
}

/** An operation of operations/, without its context. Rejects with 503 while the views catch up. */
type Operation<F> = F extends (context: Context, ...request: infer A) => infer R
  ? (...request: A) => Promise<Awaited<R>>
  : never;

/** Opens a gateway: its views begin to catch up at once. */
export async function openGateway(deps: GatewayDeps): Promise<Gateway> {
  const { database } = deps;
  const databases = typeof database === "string" ? openDatabases(database) : database;
  prepare(databases);
  const replies = new Replies(deps, await deps.sealing.generate());
  const keys = new KeysView(deps, databases.views);
  const tenants = new TenantsView(deps, databases.views);
  const runs = new RunsView(deps, databases.views, (id) => tenants.get(id)?.tenant_name ?? id);
  const audit = new AuditView(deps, databases.views);
  const sealingKeys = new SealingKeysView(deps, databases.views);
  const delivery = new Delivery(deps, databases.outbox);
  const streams = new RunStreams(deps, keys, runs);
  return gatewayOf(
    {
      deps,
      keys,
      tenants,
      runs,
      audit,
      sealingKeys,
      replies,
      delivery,
      streams,
      estimates: new Estimates(deps),
    },
    () => {
      if (typeof database !== "string") return;
      databases.views.close();
      databases.outbox.close();
    },
  );
}

function gatewayOf(context: Context, close: () => void): Gateway {
  const { deps, keys, tenants, runs, audit, sealingKeys, replies, delivery, streams } = context;
  const parts = [replies, keys, tenants, runs, sealingKeys];
  const operation =
    <A extends unknown[], R>(run: (context: Context, ...request: A) => R) =>
    async (...request: A): Promise<Awaited<R>> => {
      if (parts.some((part) => part.follower.state === "starting")) throw starting();
      return await run(context, ...request);
    };
  const stop = async () => {
    streams.stop();
    await delivery.stop();
    for (const part of [...parts, audit]) await part.stop();
    close();
  };
  let stopping: Promise<void> | undefined;
  return {
    ready: Promise.all(parts.map((part) => part.follower.ready)).then(() => {}),
    health: () => readHealth(context),
    authenticate(apiKey) {
      const caller = authenticate(keys, deps.clock, apiKey);
      if (tenants.isUndelivered(caller.keyId)) delivery.note(caller.tenantId, caller.keyId);
      return caller;
    },
    onboard: operation(onboard),
    customer: operation(readCustomer),
    updateCustomer: operation(updateCustomer),
    listKeys: operation(listKeys),
    issueKey: operation(issueKey),
    rotateKey: operation(rotateKey),
    revokeKey: operation(revokeKey),
    setCredential: operation(setCredential),
    listCredentials: operation(listCredentials),
    readCredential: operation(readCredential),
    deleteCredential: operation(deleteCredential),
    audit: operation(readAudit),
    submitRun: operation(submitRun),
    cancelRun: operation(cancelRun),
    retryRun: operation(retryRun),
    run: operation(readRun),
    steps: operation(readSteps),
    runs: operation(listRuns),
    followRun: operation(followRun),
    putSchedule: operation(putSchedule),
    deleteSchedule: operation(deleteSchedule),
    schedule: operation(readSchedule),
    schedules: operation(listSchedules),
    startBackfill: operation(startBackfill),
    backfill: operation(readBackfill),
    cancelBackfill: operation(cancelBackfill),
    templates: operation(listTemplates),
    template: operation(readTemplate),
    validateTemplate: operation(validateTemplate),
    endStreams: () => streams.stop(),
    stop: () => (stopping ??= stop()),
  };
}
