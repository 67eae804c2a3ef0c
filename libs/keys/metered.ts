import type { Clock } from "@convergence/runtime/clock.ts";
import { LATENCY_SECONDS, type Metrics } from "@convergence/runtime/metrics.ts";
import type { KeyEncryption } from "./port.ts";

/** Key encryption, with its requests counted and timed: to Cloud KMS, or to the local ring. */
export function meteredKeyEncryption(keys: KeyEncryption, metrics: Metrics, clock: Clock): KeyEncryption {
  const durations = metrics.histogram(
    "convergence_key_encryption_duration_seconds",
    "Wrapping (encrypt) and unwrapping (decrypt) under the key-encryption key. outcome: ok, error.",
    LATENCY_SECONDS,
    ["operation", "outcome"],
  );
  async function timed<T>(operation: "encrypt" | "decrypt", perform: () => Promise<T>): Promise<T> {
    const begun = clock.now();
    let outcome = "error";
    try {
      const result = await perform();
      outcome = "ok";
      return result;
    } finally {
      durations.observe({ operation, outcome }, (clock.now() - begun) / 1000);
    }
  }
  return {
    encrypt: (plaintext, aad) => timed("encrypt", () => keys.encrypt(plaintext, aad)),
    decrypt: (ciphertext, aad) => timed("decrypt", () => keys.decrypt(ciphertext, aad)),
  };
}
