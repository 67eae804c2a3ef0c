import type { KeyRevoked, PendingReply } from "@convergence/contracts";
import { keyOf, type Tenant, type TenantEvent, type TenantState } from "@convergence/tenant";
import type { TenantLane, TenantServiceDeps } from "./deps.ts";
import { reply, replyCredential, replyIssued, replyOnboarded } from "./replies.ts";
import { untilDone } from "./until-done.ts";

/** An answer is given again after a restart while its client may still wait, in milliseconds. */
const ANSWER_MS = 120_000;

/** Who waits for an answer. */
type Asked = Pick<PendingReply, "command_id" | "reply_to">;

interface Refusal {
  status: number;
  reason: string;
  detail: string;
}

const OVERTAKEN: Refusal = {
  status: 409,
  reason: "credential-deleted",
  detail: "The credential was deleted while it was being stored: set it again.",
};

/** Answers whoever waits, once what was asked for is done or refused. */
export class Answering {
  readonly #deps: TenantServiceDeps;

  constructor(deps: TenantServiceDeps) {
    this.#deps = deps;
  }

  /** Answers what an event decides. */
  folded(lane: TenantLane, event: TenantEvent, tenant: TenantState): void {
    if (event.type === "TenantCommandRejected") {
      const { command_id, gateway, status, reason, detail } = event;
      this.#answer(lane, () => reply(this.#deps, command_id, { gateway }, { status, reason, detail }));
    }
    if (tenant !== null) this.#answerTo(lane, event, tenant);
  }

  /** What may not have been answered before a restart is answered again. */
  again(lane: TenantLane, tenant: Tenant): void {
    const recent = this.#deps.clock.now() - ANSWER_MS;
    const { onboarding } = tenant;
    if (onboarding?.phase === "DONE" && onboarding.pending.some((pending) => pending.requested_at > recent)) {
      this.#answer(lane, () => replyOnboarded(this.#deps, tenant));
    }
    for (const { credential_id, phase, request } of tenant.credentials) {
      if (phase === "ACTIVE" && request !== null && request.requested_at > recent) {
        this.#answerCredential(lane, tenant, credential_id);
      }
    }
    for (const key of tenant.keys) {
      if (
        key.phase === "ACTIVE" &&
        !key.delivered &&
        key.request !== null &&
        key.request.requested_at > recent
      ) {
        this.#answer(lane, () => replyIssued(this.#deps, tenant, key.key_id));
      }
    }
  }

  #answerTo(lane: TenantLane, event: TenantEvent, tenant: Tenant): void {
    switch (event.type) {
      case "OnboardingFinished":
        this.#answer(lane, () => replyOnboarded(this.#deps, tenant));
        break;
      case "OnboardingFailed":
        for (const asked of tenant.onboarding?.pending ?? []) this.#refuse(lane, asked, event);
        break;
      case "KeyFailed":
        this.#refuse(lane, keyOf(tenant, event.key_id)?.request, event);
        break;
      case "KeyActivated":
        this.#answer(lane, () => replyIssued(this.#deps, tenant, event.key_id));
        break;
      case "KeyRevoked":
        this.#answerRevokedAgain(lane, tenant, event);
        break;
      case "TenantUpdated": {
        const { command_id, reply_to, meta } = event;
        const body = JSON.stringify({ version: meta.version });
        this.#onceKnown(lane, tenant, () => reply(this.#deps, command_id, reply_to, { status: 200, body }));
        break;
      }
      case "KeyRevocationAnnounced":
        for (const asked of keyOf(tenant, event.key_id)?.revocations ?? []) this.#answerRevoked(lane, asked);
        break;
      case "CredentialRepeated":
        this.#answerCredential(lane, tenant, event.credential_id, event);
        break;
      case "CredentialStored":
        this.#answerCredential(lane, tenant, event.credential_id);
        break;
      case "CredentialFailed": {
        const credential = tenant.credentials.find((one) => one.credential_id === event.credential_id);
        this.#refuse(lane, credential?.request, event);
        break;
      }
      case "CredentialDeleted": {
        const { command_id, reply_to } = event;
        if (command_id !== null && reply_to !== null) {
          this.#onceKnown(lane, tenant, () => reply(this.#deps, command_id, reply_to, { status: 204 }));
        }
        this.#refuseOvertaken(lane, tenant, event.name);
        break;
      }
      default:
        break;
    }
  }

  #answerCredential(lane: TenantLane, tenant: Tenant, credentialId: string, asked?: Asked): void {
    this.#onceKnown(lane, tenant, () => replyCredential(this.#deps, tenant, credentialId, asked));
  }

  /** Answers once the other services can know of it: what is answered holds for the next run and step. */
  #onceKnown(lane: TenantLane, { tenant_id }: Tenant, send: () => Promise<void>): void {
    this.#answer(lane, async () => {
      await lane.snapshotNow(tenant_id);
      await send();
    });
  }

  /** Who waits for a credential to be stored that was deleted before that. */
  #refuseOvertaken(lane: TenantLane, tenant: Tenant, name: string): void {
    for (const { name: of, phase, encrypted, request } of tenant.credentials) {
      if (of === name && phase === "ENDED" && encrypted === null) this.#refuse(lane, request, OVERTAKEN);
    }
  }

  /** A revocation that was announced before is answered at once. */
  #answerRevokedAgain(lane: TenantLane, tenant: Tenant, { key_id, command_id, reply_to }: KeyRevoked): void {
    if (keyOf(tenant, key_id)?.phase !== "DEAD" || command_id === null || reply_to === null) return;
    this.#answerRevoked(lane, { command_id, reply_to });
  }

  #answerRevoked(lane: TenantLane, { command_id, reply_to }: Asked): void {
    this.#answer(lane, () => reply(this.#deps, command_id, reply_to, { status: 204 }));
  }

  #refuse(lane: TenantLane, asked: Asked | null | undefined, { status, reason, detail }: Refusal): void {
    if (asked === null || asked === undefined) return;
    const { command_id, reply_to } = asked;
    this.#answer(lane, () => reply(this.#deps, command_id, reply_to, { status, reason, detail }));
  }

  #answer(lane: TenantLane, send: () => Promise<void>): void {
    // Whoever asked has gone by then.
    void untilDone(this.#deps, lane, { act: "answer" }, send, this.#deps.clock.now() + ANSWER_MS);
  }
}
