import { createHash } from "node:crypto";
import type { Random } from "@convergence/runtime/random.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const SECRET_LENGTH = 16;
/** The largest multiple of 62 below 256: bytes from here on would favour the alphabet's first letters. */
const UNBIASED = 256 - (256 % ALPHABET.length);
/** A tenant id may itself contain `_api_`; the secret has no underscore, so only the last one can match. */
const SHAPE = /^([A-Za-z0-9_]{3,50})_api_[A-Za-z0-9]{16}$/;

/** A new API key: `{tenant_id}_api_` and 16 random characters of [A-Za-z0-9], each equally likely (95 bits). */
export function newApiKey(tenantId: string, random: Random): string {
  return `${tenantId}_api_${randomText(random, SECRET_LENGTH)}`;
}

/** The tenant that a key names, or null where the text has not a key's shape. Says nothing of its validity. */
export function parseApiKey(text: string): { tenantId: string } | null {
  const tenantId = SHAPE.exec(text)?.[1];
  return tenantId === undefined ? null : { tenantId };
}

/** SHA-256 of the whole key's UTF-8: 32 bytes, what GoogleSQL's SHA256('…') gives, so that the tables can be asked. */
export function hashApiKey(text: string): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(text, "utf8").digest());
}

/** A new key's public id: no secret, shown in lists and logs. */
export function newKeyId(random: Random): string {
  return random.uuid();
}

function randomText(random: Random, length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of random.bytes(length)) {
      if (byte < UNBIASED && text.length < length) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  return text;
}
