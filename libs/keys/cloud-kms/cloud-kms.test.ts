import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { status } from "@grpc/grpc-js";
import { keyEncryptionContract } from "../contract-suite.ts";
import { envelopeEncryption, KeyEncryptionError } from "../index.ts";
import { crc32c } from "./crc32c.ts";
import { type CloudKms, cloudKms } from "./index.ts";
import { type Fault, type KmsServer, kmsServer } from "./testing/kms-server.ts";

const KEY_NAME = "projects/p/locations/eu/keyRings/convergence/cryptoKeys/keys";
const AAD = "acme|k1|api-key";
const SECRET = new TextEncoder().encode("acme_api_0123456789abcdef");

/** A server, and the adapter that asks it. Patient as in production, but for shorter pauses and tries. */
async function started(t: TestContext, keyName = KEY_NAME): Promise<{ kms: CloudKms; server: KmsServer }> {
  const server = await kmsServer(KEY_NAME);
  const patience = { attempts: 4, attemptMs: 150, totalMs: 5_000, pauseMs: 1 };
  const kms = cloudKms({
    keyName,
    endpoint: server.endpoint,
    clock: systemClock,
    random: systemRandom,
    patience,
  });
  t.after(async () => {
    server.close();
    await kms.close();
  });
  return { kms, server };
}

keyEncryptionContract("Cloud KMS", async (t) => (await started(t)).kms);

test("CRC-32C of the well-known text, and of RFC 3720's 32 zeros", () => {
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
});

test("KMS gets a data key bound to tenant, record and purpose, with both CRC32Cs, and never the secret", async (t) => {
  const { kms, server } = await started(t);
  await kms.decrypt(await kms.encrypt(SECRET, AAD), AAD);
  assert.equal(server.asked.length, 2);
  for (const request of server.asked) {
    assert.equal(request.name, KEY_NAME);
    assert.ok(Buffer.from(request.additionalAuthenticatedData).toString().endsWith(AAD));
    assert.ok(request.additionalAuthenticatedDataCrc32c);
    const sent = "plaintext" in request ? request.plaintext : request.ciphertext;
    assert.ok("plaintext" in request ? request.plaintextCrc32c : request.ciphertextCrc32c);
    assert.equal(Buffer.from(sent).includes(SECRET), false);
  }
});

const unavailable: Fault = { fails: status.UNAVAILABLE, details: "try again" };
const passing: [string, Fault[]][] = [
  ["unavailable twice", [unavailable, unavailable]],
  ["over quota", [{ fails: status.RESOURCE_EXHAUSTED, details: "quota" }]],
  ["slow once", ["silence"]],
  ["an answer changed on the way", ["corrupted answer"]],
  ["an answer without a CRC32C", ["no crc"]],
];

for (const [name, faults] of passing) {
  test(`what passes by itself is tried again: ${name}`, async (t) => {
    const { kms, server } = await started(t);
    server.faults.push(...faults);
    const ciphertext = await kms.encrypt(SECRET, AAD);
    assert.equal(server.asked.length, faults.length + 1);
    server.faults.push(...faults);
    assert.deepEqual(await kms.decrypt(ciphertext, AAD), SECRET);
    assert.equal(server.asked.length, 2 * (faults.length + 1));
  });
}

test("a request whose checksums KMS does not say it verified is tried again", async (t) => {
  const { kms, server } = await started(t);
  server.faults.push("unverified");
  await kms.encrypt(SECRET, AAD);
  assert.equal(server.asked.length, 2);
});

const lasting: [string, Fault, number, RegExp][] = [
  ["unavailable", unavailable, 4, /after 4 tries: UNAVAILABLE: try again/],
  ["silent", "silence", 4, /after 4 tries: DEADLINE_EXCEEDED/],
  ["answers changed on the way", "corrupted answer", 4, /after 4 tries: .*differs from its CRC32C/],
  [
    "permission denied",
    { fails: status.PERMISSION_DENIED, details: "Permission 'useToEncrypt' denied" },
    1,
    /after 1 try: PERMISSION_DENIED: Permission 'useToEncrypt' denied \(give .*KMS_KEY_NAME/,
  ],
  ["a request changed on the way", "corrupted request", 1, /INVALID_ARGUMENT: the CRC32C does not match/],
];

for (const [name, fault, tries, message] of lasting) {
  test(`what lasts fails, after bounded tries, with the reason and no secret: ${name}`, async (t) => {
    const { kms, server } = await started(t);
    const ciphertext = await kms.encrypt(SECRET, AAD);
    for (const ask of [() => kms.encrypt(SECRET, AAD), () => kms.decrypt(ciphertext, AAD)]) {
      const before = server.asked.length;
      server.faults.push(...Array.from({ length: tries }, () => fault));
      await assert.rejects(ask, (error) => {
        assert.ok(error instanceof KeyEncryptionError, String(error));
        assert.match(error.message, message);
        assert.equal(error.message.includes("acme_api"), false);
        return true;
      });
      assert.equal(server.asked.length, before + tries);
    }
  });
}

test("the tries together end at the deadline", async (t) => {
  const server = await kmsServer(KEY_NAME);
  const patience = { attempts: 1_000, attemptMs: 60, totalMs: 200, pauseMs: 1 };
  const options = { keyName: KEY_NAME, endpoint: server.endpoint, clock: systemClock, random: systemRandom };
  const kms = cloudKms({ ...options, patience });
  t.after(async () => {
    server.close();
    await kms.close();
  });
  server.faults.push(...Array.from({ length: 1_000 }, (): Fault => "silence"));
  const begun = performance.now();
  await assert.rejects(kms.encrypt(SECRET, AAD), KeyEncryptionError);
  assert.ok(performance.now() - begun < 2_000);
});

test("no server at all, and a key that is not there, are errors that say so", async (t) => {
  const { kms: other } = await started(t, `${KEY_NAME}-other`);
  await assert.rejects(other.encrypt(SECRET, AAD), /NOT_FOUND.*KMS_KEY_NAME names no key/);
  const { kms, server } = await started(t);
  server.close();
  await assert.rejects(kms.encrypt(SECRET, AAD), KeyEncryptionError);
});

test("a ciphertext of the local key ring is refused with the likely cause, and the other way round", async (t) => {
  const { kms, server } = await started(t);
  const ring = envelopeEncryption(systemRandom.bytes(32), systemRandom);
  await assert.rejects(kms.decrypt(await ring.encrypt(SECRET, AAD), AAD), /made under the local key ring/);
  assert.equal(server.asked.length, 0);
  await assert.rejects(ring.decrypt(await kms.encrypt(SECRET, AAD), AAD), /made under the local key ring/);
});
