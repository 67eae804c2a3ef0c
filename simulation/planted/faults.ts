/** A fault that the simulator must catch: one passage of one file, changed. */
export interface PlantedFault {
  name: string;
  /** What goes wrong. */
  what: string;
  /** From the project's root. */
  file: string;
  /** The passage: in the file exactly once. */
  from: string;
  to: string;
  /** Some seed of 1 to this one shows it. */
  within: number;
}

export const PLANTED: readonly PlantedFault[] = [
  {
    name: "zombie-counted",
    what: "a deposed writer's later versions count",
    file: "libs/log/reader.ts",
    from: `if (epoch !== this.#claim) return "stale epoch";`,
    to: "",
    within: 250,
  },
  {
    name: "claim-follows-any",
    what: "a claim counts whatever claim it follows",
    file: "libs/log/reader.ts",
    from: "} else if (follows === this.#claim) {",
    to: "} else if (follows === follows) {",
    within: 150,
  },
  {
    name: "claim-unguarded",
    what: "a writer claims without asking its group",
    file: "libs/writer/claims.ts",
    from: "await owner?.guard();",
    to: "",
    within: 10,
  },
  {
    name: "revocation-overwritten",
    what: "a key's record that comes after its revocation puts it in force again",
    file: "services/gateway/views/keys.ts",
    from: "forget(keys, message.key_id);\n",
    to: "forget(keys, message.key_id);\n      keys.revoked.delete(message.key_id);\n",
    within: 40,
  },
  {
    name: "revocation-by-key",
    what: "a revocation is written under the key's own id, over its record",
    file: "services/tenant-service/api-keys/store.ts",
    from: "}/revoked`, value }",
    to: "}`, value }",
    within: 150,
  },
  {
    name: "lease-unread",
    what: "a lease is judged before the results that were stored are read",
    file: "services/pipeline-service/dispatch/dispatcher.ts",
    from: `await held.ready.lane.inputsRead("step.results");`,
    to: "",
    within: 40,
  },
  {
    name: "batch-boundaries",
    what: "a projection batch is repeated over other boundaries: the job that was done before is taken for all of it",
    file: "services/step-runner/projection/table-queue.ts",
    from: "return Number(job.labels[LAST_OFFSET] ?? first.offset);",
    to: "return last.offset;",
    within: 40,
  },
  {
    name: "append-by-attempt",
    what: "a step's job is named by its attempt, not by its try",
    file: "services/step-runner/steps/bigquery-query.ts",
    from: "task.try}`,",
    to: "task.attempt}`,",
    within: 50,
  },
  {
    name: "outcome-lost",
    what: "a command whose Idempotency-Key was used has no outcome",
    file: "libs/run/submit.ts",
    from: "if (before !== undefined) return [before];",
    to: "if (before !== undefined) return [];",
    within: 10,
  },
  {
    name: "input-early",
    what: "an input is committed before its outcome was read back",
    file: "libs/writer/decider.ts",
    from: "if (facts.length === 0) item.settled();",
    to: "item.settled();",
    within: 60,
  },
  {
    name: "snapshot-unversioned",
    what: "a snapshot is restored whatever its version",
    file: "libs/writer/partition-writer.ts",
    from: "if ((this.streams.get(tenantId)?.version ?? -1) <= stream.version) this.streams.set(tenantId, stream);",
    to: "this.streams.set(tenantId, stream);",
    within: 40,
  },
  {
    name: "idempotency-forgotten",
    what: "Idempotency-Keys are forgotten at a restart",
    file: "libs/run/snapshot.ts",
    from: "recent_keys: [...state.recentKeys.entries()]",
    to: "recent_keys: [...state.recentKeys.clear().entries()]",
    within: 40,
  },
  {
    name: "secret-in-reply",
    what: "a reply bears its key readable, beside the sealed one",
    file: "services/tenant-service/replies.ts",
    from: "    ...answer,\n    key_id: keyId,",
    to: "    ...answer,\n    detail: Buffer.from(text).toString(),\n    key_id: keyId,",
    within: 5,
  },
  {
    name: "command-copied",
    what: "a command that is stored twice is decided twice",
    file: "libs/writer/decider.ts",
    from: "return command !== null && stream.commands.includes(command);",
    to: "return false;",
    within: 40,
  },
  {
    name: "drop-late",
    what: "a late drop deletes what was made anew",
    file: "services/tenant-service/onboarding/clear.ts",
    from: 'tenant.onboarding?.key_id ?? ""}`;',
    to: "deps.random.uuid()}`;",
    within: 250,
  },
  {
    name: "append-unrepeated",
    what: "an append that fails is not repeated",
    file: "libs/writer/partition-writer.ts",
    from: '        if (this.isLost) return;\n        this.#deps.log.warn({ log: this.#model.log, error: String(error) }, "append failed; it is repeated");',
    to: "        return;",
    within: 30,
  },
  {
    name: "foreign-runs",
    what: "runs are listed whatever their tenant",
    file: "services/gateway/views/runs/store.ts",
    from: "WHERE tenant_id = ? AND run_id = ?",
    to: "WHERE (tenant_id = ? OR 1) AND run_id = ?",
    within: 10,
  },
  {
    name: "old-attempt",
    what: "the report of an attempt that was given up counts",
    file: "libs/run/progress.ts",
    from: "return stepAt(run, index).attempt === attempt ? run : undefined;",
    to: "return attempt > 0 ? run : undefined;",
    within: 40,
  },
  {
    name: "steps-at-once",
    what: "a step is handed out before its predecessor is over",
    file: "libs/run/state.ts",
    from: "        ? allBeforeAreOver\n",
    to: "        ? allBeforeAreOver || index > 0\n",
    within: 10,
  },
  {
    name: "join-early",
    what: "a step begins once one of those that it depends on is complete",
    file: "libs/run/state.ts",
    from: "planned.depends_on.every((other) => isFulfilled(run.steps[other]));",
    to: "planned.depends_on.length === 0 || planned.depends_on.some((other) => isFulfilled(run.steps[other]));",
    within: 20,
  },
  {
    name: "no-pause",
    what: "a failure is tried again without its pause",
    file: "services/pipeline-service/dispatch/dispatcher.ts",
    from: "if (notBefore > now) {",
    to: "if (notBefore < 0) {",
    within: 60,
  },
  {
    name: "dependents-run",
    what: "steps that depend on a failed one are not left behind, and run",
    file: "libs/run/ending.ts",
    from: "  return waiting.filter((index) => lost.has(index));",
    to: "  return [];",
    within: 20,
  },
];
