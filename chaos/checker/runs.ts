import { isOver, type SeenRun } from "../../simulation/oracle/runs.ts";
import { type Cancel, ENDS, type Submit, TEMPLATES } from "../history.ts";
import { requestOf } from "./log.ts";
import type { Case, Rule } from "./rule.ts";

/** Every accepted run has reached a terminal state; that it has no second one, the log's own rules say. */
export const terminal: Rule = {
  name: "every accepted run has exactly one terminal state",
  check(subject) {
    for (const [id, run] of subject.log.runs.byId) {
      subject.checked();
      if (!isOver(run.status)) subject.violation(`run ${id} of ${run.tenantId} is ${run.status} for good`);
    }
  },
};

/** What a client was told it has, it has: once, under that id, and as it was asked for. */
export const accepted: Rule = {
  name: "what clients were answered is in the log, exactly once",
  check(subject) {
    for (const submit of submits(subject)) {
      subject.checked();
      const runs = subject.log.acceptedBy.get(requestOf(submit.tenant, submit.idempotencyKey)) ?? [];
      const told = new Set(submit.runIds);
      const what = `${submit.template} of ${submit.tenant} under key ${submit.idempotencyKey}`;
      if (told.size > 1) subject.violation(`${what} was answered with ${[...told].join(" and ")}`);
      if (runs.length > 1) subject.violation(`${what} was accepted as ${runs.join(" and ")}`);
      for (const id of told) {
        if (!runs.includes(id))
          subject.violation(`${what} was answered with run ${id}, which was never accepted`);
        else expectTemplate(subject, what, submit, subject.log.runs.byId.get(id));
      }
      if (told.size === 0 && runs.length > 0 && wasRefused(submit)) {
        subject.violation(`${what} was refused, and accepted as ${runs.join(" and ")}`);
      }
    }
  },
};

/** A run that no client asked for is nobody's. Validation runs of onboardings are the platform's own. */
export const invented: Rule = {
  name: "no run is there that nobody asked for, and no command has two outcomes",
  check(subject) {
    const asked = new Set(
      [...submits(subject)].map(({ tenant, idempotencyKey }) => requestOf(tenant, idempotencyKey)),
    );
    const known = new Set<string>();
    for (const [request, ids] of subject.log.acceptedBy)
      if (asked.has(request)) for (const id of ids) known.add(id);
    for (const [id, run] of subject.log.runs.byId) {
      subject.checked();
      if (run.head.trigger_type === "onboarding") continue;
      if (!known.has(id))
        subject.violation(`run ${id} of ${run.tenantId} was accepted, and no client asked for it`);
    }
    for (const [command, outcomes] of subject.log.outcomes) {
      subject.checked();
      if (outcomes.length > 1) subject.violation(`command ${command} has outcomes ${outcomes.join(", ")}`);
      if (!subject.log.commands.has(command))
        subject.violation(`command ${command} has an outcome and was never sent`);
    }
  },
};

/** A fault of the platform's surroundings never decides how a run ends. */
export const ends: Rule = {
  name: "each run ends as its template says",
  check(subject) {
    const asked = new Set([...cancels(subject)].map(({ runId }) => runId));
    for (const [id, run] of subject.log.runs.byId) {
      if (!isOver(run.status)) continue;
      subject.checked();
      const name = Object.entries(TEMPLATES).find(([, path]) => path === templateOf(run))?.[0];
      const wanted = name === "fail" ? ENDS.fail : "COMPLETE";
      const mayBeCancelled =
        run.status === "CANCELLED" && (asked.has(id) || wasRecreated(subject, run.tenantId));
      if (run.status !== wanted && !mayBeCancelled) {
        subject.violation(`run ${id} (${templateOf(run)}) of ${run.tenantId} is ${run.status}: ${run.error}`);
      }
    }
  },
};

/** Whoever is told that a run is cancelled, or that it ended before, is told the truth. */
export const cancelled: Rule = {
  name: "a cancel that was answered holds",
  check(subject) {
    for (const { runId, tenant, exchanges } of cancels(subject)) {
      const told = exchanges.at(-1)?.status;
      const run = subject.log.runs.byId.get(runId);
      if (run === undefined || (told !== 200 && told !== 409)) continue;
      subject.checked();
      if ((run.status === "CANCELLED") !== (told === 200))
        subject.violation(
          `the cancel of run ${runId} of ${tenant} was answered ${told}, and it is ${run.status}`,
        );
    }
  },
};

/** A retry does not do again what was done: its first step is skipped. */
export const resumed: Rule = {
  name: "a retry goes on from the failed step",
  check(subject) {
    for (const { retryOf, runIds } of submits(subject)) {
      if (retryOf === null) continue;
      for (const id of runIds) {
        subject.checked();
        const [first] = subject.log.runs.byId.get(id)?.steps ?? [];
        if (first?.status !== "SKIPPED" || first.doneBy !== retryOf)
          subject.violation(`run ${id} retries ${retryOf}, and its first step is ${first?.status}`);
      }
    }
  },
};

/** Each appended row is there once where its step is COMPLETE, never where the step was not run, else at most once. */
export const effects: Rule = {
  name: "each effect is there exactly once",
  check(subject) {
    for (const { tenant, effects: rows } of subject.evidence.warehouse) {
      const counts = new Map(rows.map(({ run_id, step, n }) => [`${run_id} ${step}`, n]));
      for (const [id, run] of subject.log.runs.byId) {
        if (run.head.tenant_name !== tenant || run.head.domain !== "chaos") continue;
        for (const step of run.steps) {
          const found = counts.get(`${id} ${step.id}`) ?? 0;
          counts.delete(`${id} ${step.id}`);
          const [least, most] = effectsOf(step);
          subject.checked();
          if (found < least || found > most) {
            subject.violation(
              `step ${step.id} of run ${id} of ${tenant} is ${step.status} and wrote ${found} rows`,
            );
          }
        }
      }
      for (const [what, n] of counts)
        subject.violation(`${n} rows in ${tenant}.effects of ${what}, which is no accepted step`);
    }
  },
};

function effectsOf({ type, id, status }: SeenRun["steps"][number]): [least: number, most: number] {
  if (type !== "bigquery_query" || id === "broken" || status === "SKIPPED") return [0, 0];
  return status === "COMPLETE" ? [1, 1] : [0, 1];
}

function* cancels({ evidence }: Case): Generator<Cancel> {
  for (const operation of evidence.operations) if (operation.kind === "cancel") yield operation;
}

function* submits({ evidence }: Case): Generator<Submit> {
  for (const operation of evidence.operations) if (operation.kind === "submit") yield operation;
}

/** One request, and it was answered with a refusal: nothing can have been accepted by it. */
function wasRefused({ exchanges }: Submit): boolean {
  const [only] = exchanges;
  return (
    exchanges.length === 1 &&
    only?.status !== null &&
    only !== undefined &&
    only.status >= 400 &&
    only.status < 500
  );
}

function expectTemplate(subject: Case, what: string, submit: Submit, run: SeenRun | undefined): void {
  if (run !== undefined && templateOf(run) !== TEMPLATES[submit.template]) {
    subject.violation(`${what} is a run of ${templateOf(run)}`);
  }
}

function templateOf({ head }: SeenRun): string {
  return `${head.provider}/${head.domain}/${head.template}`;
}

function wasRecreated({ evidence }: Case, tenantId: string): boolean {
  return evidence.operations.some(
    ({ kind, tenant }) => kind === "recreate" && tenant.toLowerCase() === tenantId,
  );
}
