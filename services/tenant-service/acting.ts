import { type KeyState, type Trace, traceFields } from "@convergence/contracts";
import { KeyEncryptionError } from "@convergence/keys/port.ts";
import { sleep } from "@convergence/runtime/clock.ts";
import {
  type Act,
  dueActs,
  isUnderWay,
  type Tenant,
  type TenantEvent,
  type TenantFact,
  type TenantState,
} from "@convergence/tenant";
import type { Acts } from "@convergence/writer";
import { Answering } from "./answering.ts";
import { issueKey } from "./api-keys/issue.ts";
import { activateKey, announceEnd, announceRevocation } from "./api-keys/store.ts";
import type { SealingKeys } from "./credentials/sealing-keys.ts";
import { forgetCredential, recordCredential, storeCredential } from "./credentials/store.ts";
import { OnboardingStopped, type TenantLane, type TenantServiceDeps } from "./deps.ts";
import { tenantCounting } from "./metrics.ts";
import { clear } from "./onboarding/clear.ts";
import {
  provisionDataset,
  provisionPlatform,
  provisionTables,
  recordTenant,
} from "./onboarding/provision.ts";
import { validate, validationPosition } from "./onboarding/validate.ts";
import type { RunWatch } from "./run-watch.ts";
import { untilDone } from "./until-done.ts";

const NOT_ENCRYPTED =
  "No API key could be encrypted, so none was made: the platform's operators must mend that. Then repeat the request.";

/**
 * Does what the folded state of each tenant calls for. An act runs until an event says that it is done; it is begun
 * at most once at a time in a lane, and again by the next owner.
 */
export class Acting implements Acts<TenantState, TenantEvent, TenantFact> {
  readonly #deps: TenantServiceDeps;
  readonly #runs: RunWatch;
  readonly #sealingKeys: SealingKeys;
  readonly #answering: Answering;
  /** By lane: what a lost one still has under way is none of its successor's. */
  readonly #underWay = new WeakMap<TenantLane, Set<string>>();
  readonly #count: ReturnType<typeof tenantCounting>;
  #platform: Promise<void> | undefined;

  constructor(deps: TenantServiceDeps, runs: RunWatch, sealingKeys: SealingKeys) {
    this.#deps = deps;
    this.#sealingKeys = sealingKeys;
    this.#answering = new Answering(deps);
    this.#runs = runs;
    this.#count = tenantCounting(deps.metrics);
  }

  gained(lane: TenantLane): void {
    for (const { state } of lane.streams.values()) {
      if (state === null) continue;
      this.#actFor(lane, state);
      this.#answering.again(lane, state);
    }
  }

  folded(lane: TenantLane, event: TenantEvent, { state }: { state: TenantState }): void {
    this.#count(event, state);
    this.#answering.folded(lane, event, state);
    if (state !== null) this.#actFor(lane, state);
  }

  lost(): void {}

  #actFor(lane: TenantLane, tenant: Tenant): void {
    const underWay = this.#underWay.get(lane) ?? new Set();
    this.#underWay.set(lane, underWay);
    for (const act of dueActs(tenant)) {
      const of = subjectOf(act) ?? tenant.onboarding?.key_id ?? "";
      const name = `${tenant.tenant_id}|${act.do}|${of}`;
      if (underWay.has(name)) continue;
      underWay.add(name);
      const about = { act: act.do, tenant_id: tenant.tenant_id, ...traceFields(traceOfAct(tenant, act)) };
      void untilDone(this.#deps, lane, about, () => this.#perform(lane, tenant.tenant_id, act)).then(() =>
        underWay.delete(name),
      );
    }
  }

  async #perform(lane: TenantLane, tenantId: string, act: Act): Promise<void> {
    const stream = lane.streams.get(tenantId);
    if (stream?.state === undefined || stream.state === null) return;
    const trace = traceOfAct(stream.state, act);
    try {
      const facts = await this.#effect(lane, stream.state, stream.version, act);
      if (facts.length > 0 && !lane.isLost) {
        await lane.propose(tenantId, (now) => (isStillDue(now, act) ? facts : []), trace);
      }
    } catch (error) {
      if (!(error instanceof OnboardingStopped)) throw error;
      const { status, reason, message: detail } = error;
      const failed: TenantFact = { type: "OnboardingFailed", status, reason, detail };
      await lane.propose(tenantId, (now) => (isStillDue(now, act) ? [failed] : []), trace);
    }
  }

  async #effect(lane: TenantLane, tenant: Tenant, version: number, act: Act): Promise<TenantFact[]> {
    const deps = this.#deps;
    switch (act.do) {
      case "clear":
        await clear(deps, this.#runs, tenant, act);
        return [{ type: "OldStateCleared" }];
      case "provision dataset":
        return [{ type: "DatasetProvisioned", created: await provisionDataset(deps.warehouse, tenant) }];
      case "provision tables":
        await this.#platformReady();
        return [{ type: "TablesProvisioned", tables: await provisionTables(deps, tenant, version) }];
      case "issue key":
        return this.#issue(tenant, act.key);
      case "activate key":
        await activateKey(deps, tenant, act.key);
        return [{ type: "KeyActivated", key_id: act.key.key_id }];
      case "announce end":
        await announceEnd(deps, tenant, act.key);
        return [{ type: "KeyEndAnnounced", key_id: act.key.key_id }];
      case "retire key":
        // Gateways refuse it from its end on by themselves. Revoked, it is marked in the table, and counts no more.
        await sleep(deps.clock, Math.max(0, (act.key.expires_at ?? 0) - deps.clock.now()));
        return [{ type: "KeyRevoked", command_id: null, key_id: act.key.key_id, reply_to: null, by: null }];
      case "announce revocation":
        await announceRevocation(deps, tenant, act.key);
        return [{ type: "KeyRevocationAnnounced", key_id: act.key.key_id }];
      case "record tenant":
        await this.#platformReady();
        await recordTenant(deps, tenant, version);
        return [{ type: "TenantRecorded", of_version: act.of_version }];
      case "request validation": {
        const run_id = tenant.onboarding?.run_id ?? "";
        return [
          { type: "ValidationRequested", run_id, ...(await validationPosition(deps, tenant.tenant_id)) },
        ];
      }
      case "await validation":
        return this.#validation(lane, tenant, version);
      case "store credential":
        return [await storeCredential(deps, this.#sealingKeys, tenant, act.credential)];
      case "record credential":
        return [await recordCredential(deps, tenant, act.credential)];
      case "forget credential":
        return [await forgetCredential(deps, tenant, act.credential)];
    }
  }

  /**
   * A key that cannot be encrypted is given up, and so is the onboarding that it is of: its keeper was tried patiently
   * before it said so, and whoever waits is told. A repeat begins anew.
   */
  async #issue(tenant: Tenant, key: KeyState): Promise<TenantFact[]> {
    const { key_id, scopes, expires_at } = key;
    try {
      const issued = await issueKey(this.#deps, tenant, key);
      return [{ type: "KeyIssued", key_id, scopes, expires_at, ...issued }];
    } catch (error) {
      if (!(error instanceof KeyEncryptionError)) throw error;
      this.#deps.log.error(
        { tenant_id: tenant.tenant_id, key_id, error: error.message },
        "a key cannot be encrypted",
      );
      const failed = { status: 503, reason: "key-not-encrypted", detail: NOT_ENCRYPTED };
      const facts: TenantFact[] = [{ type: "KeyFailed", key_id, ...failed }];
      const { onboarding } = tenant;
      const ofOnboarding = onboarding?.key_id === key_id && isUnderWay(onboarding);
      return ofOnboarding ? [{ type: "OnboardingFailed", ...failed }, ...facts] : facts;
    }
  }

  async #validation(lane: TenantLane, tenant: Tenant, version: number): Promise<TenantFact[]> {
    // pipeline-service takes the run only once it knows the tenant.
    await lane.snapshotNow(tenant.tenant_id);
    const { ok, error } = await validate(this.#deps, this.#runs, tenant);
    await recordTenant(
      this.#deps,
      {
        ...tenant,
        lifecycle: tenant.suspended_at === null ? "ACTIVE" : "SUSPENDED",
        updated_at: this.#deps.clock.now(),
      },
      version,
    );
    return [{ type: "OnboardingFinished", dryrun_status: ok ? "SUCCESS" : "FAILED", dryrun_error: error }];
  }

  #platformReady(): Promise<void> {
    this.#platform ??= provisionPlatform(this.#deps).catch((error) => {
      this.#platform = undefined;
      throw error;
    });
    return this.#platform;
  }
}

/** What an act of an onboarding belongs to; those of later keys are not traced. */
function traceOfAct({ onboarding }: Tenant, act: Act): Trace | null {
  if (onboarding === null || act.do === "record tenant") return null;
  const of = subjectOf(act);
  if (of !== null && of !== onboarding.key_id) return null;
  return onboarding.trace;
}

/** An effect's event is recorded only where the state, as decided so far, still calls for it. */
function isStillDue(tenant: TenantState, act: Act): boolean {
  if (tenant === null) return false;
  return dueActs(tenant).some((due) => due.do === act.do && subjectOf(due) === subjectOf(act));
}

/** What tells an act from others of its kind: the key or credential, by id, or the version; null for the onboarding's. */
function subjectOf(act: Act): string | null {
  if ("key" in act) return act.key.key_id;
  if ("credential" in act) return act.credential.credential_id;
  return "of_version" in act ? String(act.of_version) : null;
}
