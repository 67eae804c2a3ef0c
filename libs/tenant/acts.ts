import type { CredentialState, KeyState } from "@convergence/contracts";
import { isUnderWay, type Tenant } from "./state.ts";

/**
 * Something that a tenant's folded state calls for. Each may be done again: its effect bears a name of its own, and
 * it is called for until an event says that it is done.
 */
export type Act =
  | { do: "clear"; dataset: boolean; tables: boolean }
  | { do: "provision dataset" }
  | { do: "provision tables" }
  | { do: "issue key"; key: KeyState }
  | { do: "activate key"; key: KeyState }
  | { do: "announce end"; key: KeyState }
  | { do: "retire key"; key: KeyState }
  | { do: "announce revocation"; key: KeyState }
  | { do: "record tenant"; of_version: number }
  | { do: "request validation" }
  | { do: "await validation" }
  | { do: "store credential"; credential: CredentialState }
  | { do: "record credential"; credential: CredentialState }
  | { do: "forget credential"; credential: CredentialState };

/** What is to be done for a tenant now. Pure. */
export function dueActs(tenant: Tenant): Act[] {
  const { unrecorded } = tenant;
  const record: Act[] = unrecorded === null ? [] : [{ do: "record tenant", of_version: unrecorded }];
  return [
    ...onboardingActs(tenant),
    ...tenant.keys.flatMap(keyActs),
    ...tenant.credentials.flatMap(credentialActs),
    ...record,
  ];
}

function onboardingActs({ onboarding }: Tenant): Act[] {
  if (!isUnderWay(onboarding)) return [];
  switch (onboarding.phase) {
    case "CLEAR":
      return [
        { do: "clear", dataset: onboarding.force_recreate_dataset, tables: onboarding.force_recreate_tables },
      ];
    case "DATASET":
      return [{ do: "provision dataset" }];
    case "TABLES":
      return [{ do: "provision tables" }];
    case "VALIDATE":
      return [{ do: onboarding.log_offset < 0 ? "request validation" : "await validation" }];
    case "KEY":
    case "DONE":
    case "FAILED":
      return [];
  }
}

function keyActs(key: KeyState): Act[] {
  switch (key.phase) {
    case "REQUESTED":
      return [{ do: "issue key", key }];
    case "ISSUED":
      return [{ do: "activate key", key }];
    case "REVOKED":
      return [{ do: "announce revocation", key }];
    case "ACTIVE":
      if (key.end_untold) return [{ do: "announce end", key }];
      return key.replaced_by === null ? [] : [{ do: "retire key", key }];
    case "DEAD":
      return [];
  }
}

function credentialActs(credential: CredentialState): Act[] {
  switch (credential.phase) {
    case "REQUESTED":
      return [{ do: "store credential", credential }];
    case "ACTIVE":
      return credential.encrypted === null ? [] : [{ do: "record credential", credential }];
    case "ENDED":
      return [{ do: "forget credential", credential }];
    case "DEAD":
      return [];
  }
}
