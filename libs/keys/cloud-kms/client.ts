import { KeyManagementServiceClient } from "@google-cloud/kms";
import { credentials } from "@grpc/grpc-js";
import { GoogleAuth, PassThroughClient } from "google-auth-library";
import { crc32c } from "./crc32c.ts";

/** A transfer that changed bytes: found by CRC-32C, on either way. Another try may go well. */
export class TransferError extends Error {
  override readonly name = "TransferError";
}

/** The two requests that are made of Cloud KMS, each once: `timeoutMs` bounds it. They fail with gRPC's errors. */
export interface KmsCalls {
  /** @throws TransferError where what KMS got or what came back is not what was sent */
  encrypt(plaintext: Uint8Array, aad: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  /** @throws TransferError where what came back is not what was sent */
  decrypt(ciphertext: Uint8Array, aad: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * Opens Cloud KMS for one symmetric key.
 * @param keyName `projects/…/locations/…/keyRings/…/cryptoKeys/…`
 * @param endpoint `host:port` of a server to use in place of Google's, without TLS and without credentials
 */
export function kmsCalls(keyName: string, endpoint: string | null): KmsCalls {
  const client = new KeyManagementServiceClient(endpoint === null ? {} : plain(endpoint));
  return {
    async encrypt(plaintext, aad, timeoutMs) {
      const request = {
        name: keyName,
        plaintext,
        plaintextCrc32c: { value: crc32c(plaintext) },
        additionalAuthenticatedData: aad,
        additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
      };
      const [answer] = await client.encrypt(request, once(timeoutMs));
      if (answer.verifiedPlaintextCrc32c !== true) throw lost("KMS did not check the plaintext's CRC32C");
      if (answer.verifiedAdditionalAuthenticatedDataCrc32c !== true) {
        throw lost("KMS did not check the additional data's CRC32C");
      }
      return checked(answer.ciphertext, answer.ciphertextCrc32c?.value, "ciphertext");
    },
    async decrypt(ciphertext, aad, timeoutMs) {
      const request = {
        name: keyName,
        ciphertext,
        ciphertextCrc32c: { value: crc32c(ciphertext) },
        additionalAuthenticatedData: aad,
        additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
      };
      const [answer] = await client.decrypt(request, once(timeoutMs));
      return checked(answer.plaintext, answer.plaintextCrc32c?.value, "plaintext");
    },
    close: () => client.close(),
  };
}

/** One try: when it is repeated is decided by the caller, who checks what comes back. */
function once(timeoutMs: number) {
  return { timeout: timeoutMs, retry: { retryCodes: [] } };
}

/** No TLS, no credentials. */
function plain(endpoint: string) {
  const colon = endpoint.lastIndexOf(":");
  return {
    apiEndpoint: endpoint.slice(0, colon),
    port: Number(endpoint.slice(colon + 1)),
    sslCreds: credentials.createInsecure(),
    auth: new GoogleAuth({ authClient: new PassThroughClient() }),
  };
}

/** The bytes of an answer, which bears their CRC32C. */
function checked(
  bytes: Uint8Array | string | null | undefined,
  crc: { toString(): string } | null | undefined,
  what: string,
): Uint8Array {
  // An empty field and an absent one are the same on the wire; neither is an answer to what is asked here.
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) throw lost(`KMS answered with no ${what}`);
  if (crc === null || crc === undefined) throw lost(`KMS answered with no CRC32C of the ${what}`);
  if (Number(crc.toString()) !== crc32c(bytes))
    throw lost(`the ${what} of KMS's answer differs from its CRC32C`);
  return Uint8Array.from(bytes);
}

function lost(message: string): TransferError {
  return new TransferError(message);
}
