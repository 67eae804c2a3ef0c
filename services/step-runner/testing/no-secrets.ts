import assert from "node:assert/strict";
import type { Secrets } from "../credentials/credentials.ts";
import type { StepRunnerDeps } from "../deps.ts";

/** For tests without credentials. */
export const NO_KEYS: StepRunnerDeps["keys"] = {
  decrypt: async () => assert.fail("nothing is to be decrypted"),
};

export const NO_SECRETS: Secrets = {
  secretOf: async (_tenant, name) => assert.fail(`no credential ${name} is there`),
};
