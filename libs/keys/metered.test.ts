import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@convergence/runtime/clock.ts";
import { metrics } from "@convergence/runtime/metrics.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { envelopeEncryption, KeyEncryptionError, meteredKeyEncryption } from "./index.ts";

test("wrapping and unwrapping are counted with their outcome, and work as before", async () => {
  const registry = metrics();
  const ring = envelopeEncryption(systemRandom.bytes(32), systemRandom);
  const keys = meteredKeyEncryption(ring, registry, systemClock);
  const sealed = await keys.encrypt(Buffer.from("secret"), "acme|1|api-key");
  assert.equal(Buffer.from(await keys.decrypt(sealed, "acme|1|api-key")).toString(), "secret");
  await assert.rejects(keys.decrypt(sealed, "other|1|api-key"), KeyEncryptionError);
  const text = await registry.text();
  for (const [operation, outcome] of [
    ["encrypt", "ok"],
    ["decrypt", "ok"],
    ["decrypt", "error"],
  ]) {
    const labels = `operation="${operation}",outcome="${outcome}"`;
    assert.ok(text.includes(`convergence_key_encryption_duration_seconds_count{${labels}} 1\n`), text);
  }
  assert.ok(!text.includes("acme"));
});
