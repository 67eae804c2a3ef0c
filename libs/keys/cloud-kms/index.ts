import type { Clock } from "@convergence/runtime/clock.ts";
import type { Random } from "@convergence/runtime/random.ts";
import { bound, gcmOpen, gcmSeal, KEY, NONCE, requireForm, TAG } from "../payload.ts";
import { type KeyEncryption, KeyEncryptionError } from "../port.ts";
import { kmsCalls } from "./client.ts";
import { type Patience, patiently } from "./patience.ts";

/*
 * A ciphertext, version 2:
 *
 *   offset  bytes  what
 *   0       1      version, 0x02
 *   1       2      w, big-endian
 *   3       w      data-encryption key (DEK), encrypted by Cloud KMS
 *   3 + w   12     nonce of the payload
 *   15 + w  n      payload, encrypted by the DEK with AES-256-GCM
 *   15+w+n  16     tag of the payload
 *
 * Additional data of either, as in version 1 (envelope.ts). KMS sees a DEK and the additional data, never the payload.
 */
const VERSION = 2;
const HEAD = 3;

/** Cloud KMS as the keeper of the key-encryption key. */
export interface CloudKms extends KeyEncryption {
  close(): Promise<void>;
}

export interface CloudKmsOptions {
  /** `projects/…/locations/…/keyRings/…/cryptoKeys/…`: a symmetric key; KMS picks its primary version. */
  keyName: string;
  /** `host:port` of a server without TLS and credentials, in place of Google's; null in production. */
  endpoint: string | null;
  clock: Clock;
  random: Random;
  /** By default at most 5 tries of 3 s within 10 s, with pauses from 100 ms. */
  patience?: Patience;
}

const PATIENCE: Patience = { attempts: 5, attemptMs: 3_000, totalMs: 10_000, pauseMs: 100 };

/**
 * Envelope encryption under a key in Cloud KMS. Each ciphertext has a data key of its own, so each call asks KMS once.
 * What passes by itself (unavailable, slow, over quota, bytes changed on the way) is tried again; then it fails, and
 * there is no other way to a ciphertext or a plaintext.
 */
export function cloudKms(options: CloudKmsOptions): CloudKms {
  const { keyName, endpoint, random, patience = PATIENCE } = options;
  const kms = kmsCalls(keyName, endpoint);
  return {
    async encrypt(plaintext, aad) {
      const dek = random.bytes(KEY);
      const wrapped = await patiently(patience, options, (ms) =>
        kms.encrypt(dek, bound(VERSION, "k", aad), ms),
      );
      const head = Buffer.alloc(HEAD);
      head.writeUInt8(VERSION, 0);
      head.writeUInt16BE(wrapped.length, 1);
      const payload = gcmSeal(dek, random.bytes(NONCE), plaintext, bound(VERSION, "p", aad));
      return Uint8Array.from(Buffer.concat([head, wrapped, payload]));
    },
    async decrypt(ciphertext, aad) {
      const { wrapped, payload } = taken(ciphertext);
      const dek = await patiently(patience, options, (ms) =>
        kms.decrypt(wrapped, bound(VERSION, "k", aad), ms),
      );
      if (dek.length !== KEY)
        throw new KeyEncryptionError(`Cloud KMS opened a data key of ${dek.length} bytes`);
      return gcmOpen(dek, payload, bound(VERSION, "p", aad));
    },
    close: () => kms.close(),
  };
}

function taken(ciphertext: Uint8Array): { wrapped: Uint8Array; payload: Uint8Array } {
  requireForm(ciphertext, VERSION, HEAD + 1 + NONCE + TAG);
  const length = Buffer.from(ciphertext.subarray(1, HEAD)).readUInt16BE(0);
  requireForm(ciphertext, VERSION, HEAD + Math.max(1, length) + NONCE + TAG);
  if (length === 0) throw new KeyEncryptionError("ciphertext without a data key");
  const end = HEAD + length;
  return { wrapped: ciphertext.subarray(HEAD, end), payload: ciphertext.subarray(end) };
}
