import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { ConfigError, configMarkdown, readConfig } from "./config.ts";

function faultsOf(env: Record<string, string>): ConfigError {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  assert.fail("the configuration was accepted");
}

test("without any variable the embedded mode's defaults hold", () => {
  assert.deepEqual(JSON.parse(JSON.stringify(readConfig({}))), {
    PORT: 8080,
    HOST: "127.0.0.1",
    LOCAL_BIGQUERY_PORT: 9050,
    LOCAL_BIGQUERY_MEMORY_MB: 2048,
    CONVERGENCE_DATA_DIR: ".convergence",
    CONVERGENCE_CONFIGS_DIR: "configs",
    CONVERGENCE_URL: "http://127.0.0.1:8080",
    GCP_PROJECT_ID: "gac-prod-471220",
    BIGQUERY_LOCATION: "US",
    PLATFORM_DATASET: "convergence_platform",
    DEFAULT_SUBSCRIPTION_TIER: "ENTERPRISE",
    RUNNER_SLOTS: 64,
    EMBEDDED_BUS_SYNCHRONOUS: "full",
    OPERATOR_PORT: 9100,
    KAFKA_TOPIC_PREFIX: "",
    KAFKA_PARTITIONS: 12,
    KAFKA_REPLICATION_FACTOR: 1,
    KAFKA_TLS: "off",
    RATE_LIMIT_TENANT: 10_000,
    RATE_LIMIT_KEY: 5_000,
    RATE_LIMIT_BURST: 10,
    RATE_LIMIT_FAILURES: 600,
    LOG_LEVEL: "warn",
  });
});

test("variables are read, an empty one is unset, foreign ones are left alone", () => {
  const config = readConfig({
    PORT: "0",
    LOG_LEVEL: "",
    ADMIN_API_KEY: "k".repeat(16),
    X: "y",
  });
  assert.equal(config.PORT, 0);
  assert.equal(config.LOG_LEVEL, "warn");
  assert.equal(config.ADMIN_API_KEY, "k".repeat(16));
  assert.equal("X" in config, false);
});

test("all faults are told at once, with value, what is expected and the remedy", () => {
  const error = faultsOf({
    PORT: "http",
    LOG_LEVEL: "loud",
    GCP_PROJECT_ID: "Not`A`Project",
    RUNNER_SLOTS: "0",
  });
  assert.deepEqual(
    error.faults.map((fault) => [fault.variable, fault.value]),
    [
      ["PORT", "http"],
      ["GCP_PROJECT_ID", "Not`A`Project"],
      ["RUNNER_SLOTS", "0"],
      ["LOG_LEVEL", "loud"],
    ],
  );
  assert.match(error.message, /has 4 faults: PORT="http": expected a whole number from 0 to 65535; /);
  assert.match(error.message, /LOG_LEVEL="loud": expected one of trace, debug, info/);
  assert.match(error.remedy, /docs\/CONFIGURATION\.md/);
  assert.equal(error.message.includes("\n"), false);
});

test("a secret's value is in no fault", () => {
  const error = faultsOf({ ADMIN_API_KEY: "too short" });
  assert.deepEqual(error.faults[0]?.value, null);
  assert.equal(JSON.stringify([error.message, error.remedy, error.faults]).includes("too short"), false);
});

const refused: Record<string, string[]> = {
  PORT: ["-1", "65536", "80.5", "1e3", " 80", "99999999999", "0x50"],
  RUNNER_SLOTS: ["0", "10001", "many"],
  GCP_PROJECT_ID: ["a", "Upper-case", "ends-with-", "a`b-cdef", "project\n"],
  PLATFORM_DATASET: ["has-dash", "has space", "name\n"],
  HOST: ["a b", "http://x"],
  BIGQUERY_LOCATION: ["U S"],
  EMBEDDED_BUS_SYNCHRONOUS: ["off"],
};
for (const [variable, values] of Object.entries(refused)) {
  test(`${variable} refuses ${values.map((value) => JSON.stringify(value)).join(", ")}`, () => {
    for (const value of values) {
      const error = faultsOf({ [variable]: value });
      assert.deepEqual(
        error.faults.map((fault) => fault.variable),
        [variable],
        value,
      );
    }
  });
}

test("two listeners on one port are a fault, two free ones are not", () => {
  const error = faultsOf({ PORT: "9050" });
  assert.deepEqual(
    error.faults.map((fault) => [fault.variable, fault.expects]),
    [["LOCAL_BIGQUERY_PORT", "another port than PORT"]],
  );
  assert.equal(readConfig({ PORT: "0", LOCAL_BIGQUERY_PORT: "0" }).LOCAL_BIGQUERY_PORT, 0);
});

test("docs/CONFIGURATION.md is what the schema says", async () => {
  const file = path.join(import.meta.dirname, "..", "..", "docs", "CONFIGURATION.md");
  const current = (await readFile(file, "utf8")) === configMarkdown();
  assert.ok(current, "out of date: run `node scripts/run.mjs libs/runtime/config-docs.ts`");
});
