import assert from "node:assert/strict";
import { test } from "node:test";
import { logger } from "@convergence/runtime/log.ts";
import { kafkaConfig } from "./client.ts";
import { testLog } from "./testing/harness.ts";

const plain = { brokers: ["one:9092", "two:9092"], clientId: "gateway", log: testLog() };

test("without tls and sasl a connection is plain, and kafkajs tries nothing twice by itself", () => {
  const config = kafkaConfig(plain);
  assert.deepEqual(config.brokers, ["one:9092", "two:9092"]);
  assert.equal(config.clientId, "gateway");
  assert.equal(config.ssl, false);
  assert.equal(config.sasl, undefined);
  assert.equal(config.retry?.retries, 0);
  assert.equal(kafkaConfig(plain, "runner-1").clientId, "gateway-runner-1");
});

test("tls is Node's own authorities, or the certificates that are given", () => {
  assert.equal(kafkaConfig({ ...plain, tls: true }).ssl, true);
  const tls = { ca: "CA", cert: "CERT", key: "KEY" };
  assert.deepEqual(kafkaConfig({ ...plain, tls }).ssl, tls);
});

test("sasl is handed on for each mechanism", () => {
  for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
    const sasl = { mechanism, username: "gateway", password: "s3cr3t" };
    assert.deepEqual(kafkaConfig({ ...plain, tls: true, sasl }).sasl, sasl);
  }
});

test("kafkajs' own messages go to the log without what it adds to them", () => {
  const lines: string[] = [];
  const log = logger({ level: "debug", service: "test", to: { write: (line) => lines.push(line) } });
  const config = kafkaConfig({
    ...plain,
    log,
    sasl: { mechanism: "plain", username: "u", password: "s3cr3t" },
  });
  const write = config.logCreator?.(1);
  write?.({
    namespace: "Connection",
    level: 1,
    label: "ERROR",
    log: { timestamp: "", message: "Connection error", payload: "s3cr3t" },
  });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /"kafkajs":"Connection".*"msg":"Connection error"/);
  assert.ok(!lines.join("").includes("s3cr3t"));
});
