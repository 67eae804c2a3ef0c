import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";

test("where no broker can run, one line says what to install, and nothing is skipped", () => {
  const file = path.join(import.meta.dirname, "..", "sasl.test.ts");
  const env = { ...process.env, PATH: "/nonexistent", NODE_TEST_CONTEXT: undefined };
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--test", file], { encoding: "utf8", env });
  const printed = stdout + stderr;
  assert.equal(status, 1);
  assert.match(
    printed,
    /No Kafka broker can run here: install a Docker engine, or Java 17 \(or newer\) and Maven/,
  );
  assert.match(printed, /skipped 0/);
});
