import type { Gateway } from "@convergence/gateway/gateway.ts";
import { ApiProblem } from "@convergence/gateway/problem.ts";
import type { Clients } from "../clients/clients.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Oracle } from "./oracle.ts";

type Violation = (what: string) => void;

/** Each gateway lets in exactly the keys that are in force, and each onboarded tenant has one of its onboarding. */
export function checkKeys(oracle: Oracle, cluster: Cluster, now: number, violation: Violation): void {
  const { keys } = oracle;
  for (const { gateway, process } of cluster.slots) {
    if (gateway === undefined) continue;
    for (const key of keys.byId.values()) {
      const inForce =
        key.activated && !key.revoked && (key.expiresAt === null || key.expiresAt > now + 5_000);
      const expiring = key.expiresAt !== null && Math.abs(key.expiresAt - now) < 5_000;
      if (!expiring && letsIn(gateway, key.text) !== inForce) {
        violation(
          `${process?.name}: key ${key.keyId} of ${key.tenantId} lets in: ${!inForce}; in force: ${inForce}`,
        );
      }
    }
  }
  for (const [tenantId, { states }] of oracle.tenantStreams) {
    const state = states.at(-1);
    if (state?.onboarding?.phase !== "DONE") continue;
    const live = [...keys.byId.values()].filter(
      (key) => key.tenantId === tenantId && key.ofOnboarding && key.activated && !key.revoked,
    );
    const asked = [...keys.byId.values()].some(
      (key) => key.keyId === keys.ofOnboarding.get(tenantId) && key.revoked,
    );
    if (live.length !== (asked ? 0 : 1)) {
      violation(`tenant ${tenantId} is onboarded and has ${live.length} keys of its onboardings in force`);
    }
  }
}

/** What a client holds and did not revoke lets it in, unless a later onboarding or repeat replaced it. */
export function checkHeldKeys(oracle: Oracle, clients: Clients, violation: Violation): void {
  for (const customer of clients.customers) {
    for (const held of customer.keys) {
      const key = oracle.keys.byText(held.text);
      if (key === undefined) violation(`${customer.name} holds a key that no counted event knows`);
      else if (!key.activated)
        violation(`${customer.name} was given key ${key.keyId}, which was never in force`);
      else if (held.revokedAt !== undefined && !key.revoked) {
        violation(`${customer.name} was told that key ${key.keyId} is revoked, and it is not`);
      }
    }
  }
}

function letsIn(gateway: Gateway, text: string): boolean {
  try {
    gateway.authenticate(text);
    return true;
  } catch (error) {
    if (error instanceof ApiProblem) return false;
    throw error;
  }
}
