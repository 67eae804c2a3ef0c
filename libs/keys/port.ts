/**
 * Envelope encryption by a key-encryption key that never leaves its keeper (Cloud KMS, or a local ring).
 * `aad` binds a ciphertext to its place (tenant, record, purpose): it opens nowhere else.
 */
export interface KeyEncryption {
  encrypt(plaintext: Uint8Array, aad: string): Promise<Uint8Array>;
  /** @throws KeyEncryptionError when the ciphertext, the key or the aad does not fit. */
  decrypt(ciphertext: Uint8Array, aad: string): Promise<Uint8Array>;
}

/** Seals a secret to one reader's public key (HPKE, RFC 9180): the bus carries it, only that reader opens it. */
export interface Sealing {
  /** A fresh key pair for one process lifetime. */
  generate(): Promise<SealKeyPair>;
  /** A fresh key pair that is to be kept: whoever keeps it encrypts the private key. */
  generateKept(): Promise<KeptKeyPair>;
  /** A key pair that was kept. @throws KeyEncryptionError for what is none */
  restore(kept: KeptKeyPair): Promise<SealKeyPair>;
  seal(plaintext: Uint8Array, publicKey: Uint8Array, aad: string): Promise<Uint8Array>;
}

/** A key pair as raw bytes. */
export interface KeptKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

export interface SealKeyPair {
  readonly publicKey: Uint8Array;
  open(sealed: Uint8Array, aad: string): Promise<Uint8Array>;
}

/** Encryption or decryption failed. The message never holds key or plaintext. */
export class KeyEncryptionError extends Error {
  override readonly name = "KeyEncryptionError";
}
