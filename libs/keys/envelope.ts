import type { Random } from "@convergence/runtime/random.ts";
import { bound, gcmOpen, gcmSeal, KEY, NONCE, requireForm, TAG } from "./payload.ts";
import type { KeyEncryption } from "./port.ts";

/*
 * A ciphertext, version 1 (AES-256-GCM twice; both bound to the caller's aad):
 *
 *   offset  bytes  what
 *   0       1      version, 0x01
 *   1       12     nonce of the wrapped key
 *   13      32     data-encryption key (DEK), encrypted by the key-encryption key (KEK)
 *   45      16     tag of the wrapped key
 *   61      12     nonce of the payload
 *   73      n      payload, encrypted by the DEK
 *   73 + n  16     tag of the payload
 *
 * Additional data of either: the version byte, 'k' (key) or 'p' (payload), then the caller's aad in UTF-8.
 * The nonces are random: one KEK is good for 2^32 ciphertexts (NIST SP 800-38D, 8.3), far beyond its use here.
 */
const VERSION = 1;
const WRAPPED = NONCE + KEY + TAG;
const SHORTEST = 1 + WRAPPED + NONCE + TAG;

/**
 * Envelope encryption under a key that is held in memory.
 * @param kek the key-encryption key, 32 bytes; copied.
 * @throws TypeError when `kek` is not 32 bytes long.
 */
export function envelopeEncryption(kek: Uint8Array, random: Random): KeyEncryption {
  if (kek.length !== KEY) throw new TypeError(`a key-encryption key has ${KEY} bytes, not ${kek.length}`);
  const key = Uint8Array.from(kek);
  return {
    async encrypt(plaintext, aad) {
      const dek = random.bytes(KEY);
      const wrapped = gcmSeal(key, random.bytes(NONCE), dek, bound(VERSION, "k", aad));
      const payload = gcmSeal(dek, random.bytes(NONCE), plaintext, bound(VERSION, "p", aad));
      return Uint8Array.from(Buffer.concat([Uint8Array.of(VERSION), wrapped, payload]));
    },
    async decrypt(ciphertext, aad) {
      requireForm(ciphertext, VERSION, SHORTEST);
      const dek = gcmOpen(key, ciphertext.subarray(1, 1 + WRAPPED), bound(VERSION, "k", aad));
      return gcmOpen(dek, ciphertext.subarray(1 + WRAPPED), bound(VERSION, "p", aad));
    },
  };
}
