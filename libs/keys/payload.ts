import { createCipheriv, createDecipheriv } from "node:crypto";
import { KeyEncryptionError } from "./port.ts";

/** Bytes of an AES-256 key, a GCM nonce and a GCM tag. */
export const KEY = 32;
export const NONCE = 12;
export const TAG = 16;

/** Additional data of one part of a ciphertext: its version, 'k' (key) or 'p' (payload), the caller's aad in UTF-8. */
export function bound(version: number, part: "k" | "p", aad: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(version), Buffer.from(part), Buffer.from(aad, "utf8")]);
}

/** AES-256-GCM. Nonce, ciphertext, tag. */
export function gcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  aad: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG }).setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** What `gcmSeal` made. @throws KeyEncryptionError when key, aad or bytes do not fit. */
export function gcmOpen(key: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array {
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

/** @throws KeyEncryptionError for a ciphertext of another version, or shorter than any of this one. */
export function requireForm(ciphertext: Uint8Array, version: number, shortest: number): void {
  const found = ciphertext[0];
  if (found !== version) {
    throw new KeyEncryptionError(
      `ciphertext of version ${found ?? "none"}; this key encryption reads ${version}: was it made under the local key ring and is read with Cloud KMS, or the other way round?`,
    );
  }
  if (ciphertext.length < shortest) {
    throw new KeyEncryptionError(`ciphertext of ${ciphertext.length} bytes is cut short`);
  }
}
