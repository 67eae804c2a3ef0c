import type { TenantRunsSnapshot, TenantSnapshot } from "@convergence/contracts";
import { storeRuns, type TenantRuns } from "@convergence/run";
import type { TenantState } from "@convergence/tenant";
import type { SeenStream } from "./oracle.ts";

/** A snapshot, whoever wrote it and when, is the counted log folded from the beginning to its version. */
export function checkRunsSnapshot(
  snapshot: TenantRunsSnapshot,
  stream: SeenStream<TenantRuns> | undefined,
  violation: (what: string) => void,
): void {
  const state = stream?.states[snapshot.version];
  const name = `snapshot of the runs of ${snapshot.tenant_id} at version ${snapshot.version}`;
  if (state === undefined) {
    violation(`${name}: no such version was counted`);
    return;
  }
  const { type, tenant_id, version, inputs, recent_commands, ...found } = snapshot;
  expectSame(name, storeRuns(state), found, violation);
  expectSame(`inputs of ${name}`, stream?.inputs[snapshot.version], inputsOf(snapshot), violation);
}

export function checkTenantSnapshot(
  snapshot: TenantSnapshot,
  stream: SeenStream<TenantState> | undefined,
  violation: (what: string) => void,
): void {
  const state = stream?.states[snapshot.version];
  const name = `snapshot of tenant ${snapshot.tenant_id} at version ${snapshot.version}`;
  if (state === undefined) {
    violation(`${name}: no such version was counted`);
    return;
  }
  const { type, version, inputs, recent_commands, ...found } = snapshot;
  expectSame(name, state, found.tenant_name === "" ? null : found, violation);
  expectSame(`inputs of ${name}`, stream?.inputs[snapshot.version], inputsOf(snapshot), violation);
}

function inputsOf({ inputs }: { inputs: { topic: string; offset: number }[] }): Record<string, number> {
  return Object.fromEntries(inputs.map(({ topic, offset }) => [topic, offset]));
}

/** Compares by JSON with sorted keys. */
export function expectSame(
  what: string,
  wanted: unknown,
  found: unknown,
  violation: (what: string) => void,
): void {
  const [a, b] = [sorted(wanted), sorted(found)];
  if (a !== b) violation(`${what} differs:\n    the fold: ${a}\n    found:    ${b}`);
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part === null || typeof part !== "object" || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
