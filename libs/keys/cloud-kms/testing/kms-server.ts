import { systemRandom } from "@convergence/runtime/random.ts";
import { protos } from "@google-cloud/kms";
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { gcmOpen, gcmSeal } from "../../payload.ts";
import { crc32c } from "../crc32c.ts";

const { EncryptRequest, EncryptResponse, DecryptRequest, DecryptResponse } = protos.google.cloud.kms.v1;
type Kms = typeof protos.google.cloud.kms.v1;
type Asked = InstanceType<Kms["EncryptRequest"]> | InstanceType<Kms["DecryptRequest"]>;

/** What goes wrong with one request. */
export type Fault =
  | { fails: status; details: string }
  /** Answered only when the server is closed. */
  | "silence"
  /** The answer's bytes are changed on the way, its CRC32C is not. */
  | "corrupted answer"
  /** The request's bytes are changed on the way: KMS finds it out. */
  | "corrupted request"
  /** KMS does not say that it checked what it was sent. */
  | "unverified"
  /** The answer bears no CRC32C. */
  | "no crc";

/** Cloud KMS, as far as it is asked here, over a real gRPC socket. Its key is made at the start. */
export interface KmsServer {
  /** `127.0.0.1:port` */
  endpoint: string;
  /** Falls on the next requests, one each. */
  faults: Fault[];
  /** All requests, as they came. */
  asked: Asked[];
  close(): void;
}

/** Starts one for this key name; any other is NOT_FOUND. */
export async function kmsServer(keyName: string): Promise<KmsServer> {
  const key = systemRandom.bytes(32);
  const faults: Fault[] = [];
  const asked: Asked[] = [];

  /** The faults and checks that both requests have in common; then the work. */
  function answering<Q extends Asked, R>(
    work: (request: Q, fault: Fault | undefined) => R,
  ): handleUnaryCall<Q, R> {
    return ({ request }, answer) => {
      asked.push(request);
      const fault = faults.shift();
      if (fault === "silence") return;
      if (typeof fault === "object") return answer({ code: fault.fails, details: fault.details });
      if (request.name !== keyName) return answer({ code: status.NOT_FOUND, details: "no such key" });
      const sent = "plaintext" in request ? request.plaintext : request.ciphertext;
      const crc = "plaintext" in request ? request.plaintextCrc32c : request.ciphertextCrc32c;
      const whole =
        fault !== "corrupted request" &&
        Number(crc?.value) === crc32c(Buffer.from(sent)) &&
        Number(request.additionalAuthenticatedDataCrc32c?.value) === crc32c(aadOf(request));
      if (!whole) return answer({ code: status.INVALID_ARGUMENT, details: "the CRC32C does not match" });
      try {
        answer(null, work(request, fault));
      } catch {
        answer({ code: status.INVALID_ARGUMENT, details: "Decryption failed: the ciphertext is invalid." });
      }
    };
  }

  const server = new Server();
  server.addService(definition, {
    encrypt: answering<InstanceType<Kms["EncryptRequest"]>, InstanceType<Kms["EncryptResponse"]>>(
      (request, fault) => {
        const sealed = gcmSeal(key, systemRandom.bytes(12), Buffer.from(request.plaintext), aadOf(request));
        return new EncryptResponse({
          name: `${keyName}/cryptoKeyVersions/1`,
          ciphertext: onTheWay(sealed, fault),
          ...(fault === "no crc" ? {} : { ciphertextCrc32c: { value: crc32c(sealed) } }),
          verifiedPlaintextCrc32c: fault !== "unverified",
          verifiedAdditionalAuthenticatedDataCrc32c: fault !== "unverified",
        });
      },
    ),
    decrypt: answering<InstanceType<Kms["DecryptRequest"]>, InstanceType<Kms["DecryptResponse"]>>(
      (request, fault) => {
        const plaintext = gcmOpen(key, Buffer.from(request.ciphertext), aadOf(request));
        return new DecryptResponse({
          plaintext: onTheWay(plaintext, fault),
          ...(fault === "no crc" ? {} : { plaintextCrc32c: { value: crc32c(plaintext) } }),
        });
      },
    ),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { endpoint: `127.0.0.1:${port}`, faults, asked, close: () => server.forceShutdown() };
}

const path = "/google.cloud.kms.v1.KeyManagementService";
const unary = { requestStream: false, responseStream: false } as const;
const definition = {
  encrypt: {
    ...unary,
    path: `${path}/Encrypt`,
    requestSerialize: (message) => Buffer.from(EncryptRequest.encode(message).finish()),
    requestDeserialize: (bytes) => EncryptRequest.decode(bytes),
    responseSerialize: (message) => Buffer.from(EncryptResponse.encode(message).finish()),
    responseDeserialize: (bytes) => EncryptResponse.decode(bytes),
  },
  decrypt: {
    ...unary,
    path: `${path}/Decrypt`,
    requestSerialize: (message) => Buffer.from(DecryptRequest.encode(message).finish()),
    requestDeserialize: (bytes) => DecryptRequest.decode(bytes),
    responseSerialize: (message) => Buffer.from(DecryptResponse.encode(message).finish()),
    responseDeserialize: (bytes) => DecryptResponse.decode(bytes),
  },
} satisfies ServiceDefinition;

function aadOf({ additionalAuthenticatedData }: Asked): Buffer {
  return Buffer.from(additionalAuthenticatedData);
}

function onTheWay(bytes: Uint8Array, fault: Fault | undefined): Uint8Array {
  return fault === "corrupted answer" ? Uint8Array.from(bytes, (b, i) => (i === 0 ? b ^ 1 : b)) : bytes;
}
