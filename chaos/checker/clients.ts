import { isOver } from "../../simulation/oracle/runs.ts";
import type { Exchange, Look, Operation } from "../history.ts";
import type { Case, Rule } from "./rule.ts";

/** Patience is rewarded: every request has its answer in the end. */
export const answered: Rule = {
  name: "every request is answered in the end, and as it should be",
  check(subject) {
    for (const operation of subject.evidence.operations) {
      subject.checked();
      const last = operation.exchanges.at(-1);
      const what = `${operation.kind} of ${operation.tenant}`;
      if (!operation.answered) {
        subject.violation(
          `${what} was never answered: ${told(last)} after ${operation.exchanges.length} requests`,
        );
      } else if (
        last?.status !== null &&
        last !== undefined &&
        last.status >= 400 &&
        !mayRefuse(subject, operation)
      ) {
        subject.violation(`${what} was refused: ${told(last)}`);
      }
      for (const exchange of operation.exchanges) expectManners(subject, what, exchange);
    }
  },
};

/** While a tenant is made anew its requests may be refused; a key whose answer was lost is not shown again. */
function mayRefuse({ evidence }: Case, { kind, tenant, exchanges }: Operation): boolean {
  if (kind === "cancel" && exchanges.at(-1)?.status === 409) return true;
  if (kind === "issue" && exchanges.length > 1 && exchanges.at(-1)?.status === 409) return true;
  return (
    kind === "look" ||
    evidence.operations.some((other) => other.kind === "recreate" && other.tenant === tenant)
  );
}

function expectManners(subject: Case, what: string, exchange: Exchange): void {
  const { status, retryAfter } = exchange;
  if (status === null) return;
  if (status >= 500 && status !== 503) subject.violation(`${what}: ${told(exchange)}`);
  if (status === 503 && !(retryAfter !== null && retryAfter >= 1)) {
    subject.violation(`${what}: a 503 without Retry-After: ${told(exchange)}`);
  }
}

function told(exchange: Exchange | undefined): string {
  if (exchange === undefined) return "no request";
  const { gateway, status, problem, at } = exchange;
  return `${status ?? "no answer"} from ${gateway} at ${new Date(at).toISOString()} (${problem})`;
}

/** What was shown stays true: an end is final, a run once shown is never unknown, and all is the tenant's own. */
export const shown: Rule = {
  name: "what readers were shown agrees with the log",
  check(subject) {
    for (const operation of subject.evidence.operations) {
      if (operation.kind === "look") checkLook(subject, operation);
      if (operation.kind !== "list") continue;
      subject.checked();
      for (const id of operation.runIds) {
        const owner = subject.log.runs.byId.get(id)?.tenantId;
        if (owner !== operation.tenant.toLowerCase()) {
          subject.violation(`${operation.tenant} was shown run ${id} of ${owner ?? "nobody"}`);
        }
      }
    }
  },
};

function checkLook(subject: Case, { runId, tenant, status, shownBefore, exchanges }: Look): void {
  subject.checked();
  const last = exchanges.at(-1);
  if (last?.status === 404 && shownBefore) {
    subject.violation(`run ${runId} of ${tenant} is unknown to who had shown it: ${told(last)}`);
  }
  if (status === null || (status !== "COMPLETE" && status !== "FAILED" && status !== "CANCELLED")) return;
  const end = subject.log.runs.byId.get(runId)?.status;
  if (end === undefined || !isOver(end) || end !== status) {
    subject.violation(
      `run ${runId} of ${tenant} was shown as ${status}, and is ${end ?? "unknown"}: ${told(last)}`,
    );
  }
}

/** A revocation holds: at once where it was answered, everywhere in the end; every other key lets in. */
export const keys: Rule = {
  name: "revoked keys are refused, the others let in",
  check(subject) {
    for (const operation of subject.evidence.operations) {
      if (operation.kind !== "revoke" || !operation.answered) continue;
      subject.checked();
      if (operation.afterwards !== null && operation.afterwards < 400) {
        const by = operation.exchanges.at(-1)?.gateway;
        subject.violation(
          `key ${operation.keyId} of ${operation.tenant} still lets in at ${by}, which answered its revocation`,
        );
      }
    }
    for (const { gateway, tenant, keyId, inForce, status } of subject.evidence.keys) {
      subject.checked();
      if (status !== (inForce ? 200 : 401)) {
        subject.violation(
          `${gateway} answers ${status} to key ${keyId} of ${tenant}, which is ${inForce ? "in force" : "revoked"}`,
        );
      }
    }
  },
};

/** Without its log the platform changes nothing and says so; what it knows it still shows. */
export const outages: Rule = {
  name: "while the broker is away writes are answered 503 with Retry-After, and reads go on",
  check(subject) {
    for (const { writes, reads } of subject.evidence.outages) {
      if (writes.length === 0 || reads.length === 0)
        subject.violation("an outage in which nothing was asked");
      for (const exchange of writes) {
        subject.checked();
        const { status, retryAfter } = exchange;
        if (status !== 503 || !(retryAfter !== null && retryAfter >= 1)) {
          subject.violation(
            `a write while the broker was away: ${told(exchange)}, Retry-After ${retryAfter}`,
          );
        }
      }
      for (const exchange of reads) {
        subject.checked();
        if (exchange.status !== 200) subject.violation(`a read while the broker was away: ${told(exchange)}`);
      }
    }
  },
};
