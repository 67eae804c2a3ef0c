import { createHash } from "node:crypto";
import type { Random } from "@convergence/runtime/random.ts";
import { envelopeEncryption } from "./envelope.ts";
import type { Sealing, SealKeyPair } from "./port.ts";

/**
 * Sealing for the simulator: the same rules as HPKE's (only the right key pair and aad open it, no plaintext in the
 * bytes), but its randomness is handed in and no work leaves the thread, so that a seed replays exactly.
 * It is no protection: whoever knows the public key can open.
 */
export function simulatedSealing(random: Random): Sealing {
  const under = (publicKey: Uint8Array) =>
    envelopeEncryption(createHash("sha256").update(publicKey).digest(), random);
  const pairOf = (publicKey: Uint8Array): SealKeyPair => ({
    publicKey,
    open: (sealed, aad) => under(publicKey).decrypt(sealed, aad),
  });
  return {
    generate: async () => pairOf(random.bytes(32)),
    async generateKept() {
      const publicKey = random.bytes(32);
      return { publicKey, privateKey: publicKey };
    },
    restore: async ({ privateKey }) => pairOf(privateKey),
    seal: (plaintext, publicKey, aad) => under(publicKey).encrypt(plaintext, aad),
  };
}
