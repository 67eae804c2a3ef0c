import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { KeyEncryptionError, type Sealing, type SealKeyPair } from "./port.ts";

/*
 * A sealed secret, version 1:
 *
 *   offset  bytes  what
 *   0       1      version, 0x01
 *   1       32     encapsulated key (X25519 public key of this one sealing)
 *   33      n      ciphertext and its 16-byte tag, bound to the aad
 */
const VERSION = 1;
const ENCAPSULATED = 32;
const HEADER = 1 + ENCAPSULATED;
const SHORTEST = HEADER + 16;

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});
/** HPKE's `info`: separates this use of a key from any other. */
const info = new TextEncoder().encode("convergence sealed reply 1");

/**
 * Sealing by HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
 * Its randomness is Web Crypto's own. `seal` and `open` throw KeyEncryptionError.
 */
export const hpkeSealing: Sealing = {
  async generate() {
    return sealKeyPair(await suite.kem.generateKeyPair());
  },

  async generateKept() {
    const { publicKey, privateKey } = await suite.kem.generateKeyPair();
    return {
      publicKey: new Uint8Array(await suite.kem.serializePublicKey(publicKey)),
      privateKey: new Uint8Array(await suite.kem.serializePrivateKey(privateKey)),
    };
  },

  async restore(kept) {
    try {
      return await sealKeyPair({
        publicKey: await suite.kem.deserializePublicKey(kept.publicKey),
        privateKey: await suite.kem.deserializePrivateKey(kept.privateKey),
      });
    } catch {
      throw new KeyEncryptionError("this is no key pair of X25519, 32 bytes each");
    }
  },

  async seal(plaintext, publicKey, aad) {
    try {
      const recipientPublicKey = await suite.kem.deserializePublicKey(publicKey);
      const { enc, ct } = await suite.seal(
        { recipientPublicKey, info },
        plaintext,
        new TextEncoder().encode(aad),
      );
      return Uint8Array.from([VERSION, ...new Uint8Array(enc), ...new Uint8Array(ct)]);
    } catch {
      throw new KeyEncryptionError("cannot seal to this public key: X25519, 32 bytes, is needed");
    }
  },
};

async function sealKeyPair(pair: { publicKey: CryptoKey; privateKey: CryptoKey }): Promise<SealKeyPair> {
  return {
    publicKey: new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey)),
    async open(sealed, aad) {
      requireVersion(sealed);
      const enc = sealed.slice(1, HEADER);
      try {
        const plaintext = await suite.open(
          { recipientKey: pair, enc, info },
          sealed.slice(HEADER),
          new TextEncoder().encode(aad),
        );
        return new Uint8Array(plaintext);
      } catch {
        throw new KeyEncryptionError(
          "sealed secret does not open: for another key or place (aad), or altered",
        );
      }
    },
  };
}

function requireVersion(sealed: Uint8Array): void {
  if (sealed[0] !== VERSION) {
    throw new KeyEncryptionError(
      `sealed secret of version ${sealed[0] ?? "none"}; this program reads ${VERSION}`,
    );
  }
  if (sealed.length < SHORTEST) {
    throw new KeyEncryptionError(`sealed secret of ${sealed.length} bytes is cut short`);
  }
}
