import { createCipheriv, createDecipheriv } from "node:crypto";
import type { Random } from "@convergence/runtime/random.ts";
import { type KeyEncryption, KeyEncryptionError } from "./port.ts";

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
const NONCE = 12;
const TAG = 16;
const KEY = 32;
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
      const wrapped = gcmSeal(key, random.bytes(NONCE), dek, bound("k", aad));
      const payload = gcmSeal(dek, random.bytes(NONCE), plaintext, bound("p", aad));
      return Uint8Array.from(Buffer.concat([Uint8Array.of(VERSION), wrapped, payload]));
    },
    async decrypt(ciphertext, aad) {
      requireVersion(ciphertext);
      const dek = gcmOpen(key, ciphertext.subarray(1, 1 + WRAPPED), bound("k", aad));
      return gcmOpen(dek, ciphertext.subarray(1 + WRAPPED), bound("p", aad));
    },
  };
}

function requireVersion(ciphertext: Uint8Array): void {
  const version = ciphertext[0];
  if (version !== VERSION) {
    throw new KeyEncryptionError(`ciphertext of version ${version ?? "none"}; this program reads ${VERSION}`);
  }
  if (ciphertext.length < SHORTEST) {
    throw new KeyEncryptionError(`ciphertext of ${ciphertext.length} bytes is cut short`);
  }
}

function bound(part: "k" | "p", aad: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(VERSION), Buffer.from(part), Buffer.from(aad, "utf8")]);
}

/** Nonce, ciphertext, tag. */
function gcmSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG }).setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function gcmOpen(key: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array {
  const nonce = sealed.subarray(0, NONCE);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG });
  decipher.setAAD(aad).setAuthTag(sealed.subarray(-TAG));
  try {
    const start = decipher.update(sealed.subarray(NONCE, -TAG));
    return Uint8Array.from(Buffer.concat([start, decipher.final()]));
  } catch {
    throw new KeyEncryptionError("ciphertext does not open: another key, another place (aad), or altered");
  }
}
