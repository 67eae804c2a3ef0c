import assert from "node:assert/strict";
import { test } from "node:test";
import { systemRandom } from "@convergence/runtime/random.ts";
import { hpkeSealing, KeyEncryptionError, simulatedSealing } from "./index.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const sealings = [
  { name: "HPKE", sealing: hpkeSealing },
  { name: "simulated", sealing: simulatedSealing(systemRandom) },
];

for (const { name, sealing } of sealings) {
  test(`${name}: the reader opens what was sealed to it`, async () => {
    const reader = await sealing.generate();
    const sealed = await sealing.seal(bytes("acme_api_0123456789abcdef"), reader.publicKey, "acme/c1");
    assert.equal(Buffer.from(sealed).includes("acme_api"), false);
    assert.deepEqual(await reader.open(sealed, "acme/c1"), bytes("acme_api_0123456789abcdef"));
  });

  test(`${name}: sealing twice gives different bytes`, async () => {
    const reader = await sealing.generate();
    const one = await sealing.seal(bytes("secret"), reader.publicKey, "a");
    assert.notDeepEqual(one, await sealing.seal(bytes("secret"), reader.publicKey, "a"));
  });

  test(`${name}: another reader, another aad, a cut or a flipped bit does not open`, async () => {
    const reader = await sealing.generate();
    const other = await sealing.generate();
    const sealed = await sealing.seal(bytes("secret"), reader.publicKey, "acme/c1");
    await assert.rejects(other.open(sealed, "acme/c1"), KeyEncryptionError);
    await assert.rejects(reader.open(sealed, "acme/c2"), KeyEncryptionError);
    for (const length of [0, 1, 33, 48, sealed.length - 1]) {
      await assert.rejects(
        reader.open(sealed.subarray(0, length), "acme/c1"),
        KeyEncryptionError,
        `${length}`,
      );
    }
    for (let i = 0; i < sealed.length; i++) {
      const flipped = Uint8Array.from(sealed, (b, at) => (at === i ? b ^ 1 : b));
      await assert.rejects(reader.open(flipped, "acme/c1"), KeyEncryptionError, `byte ${i}`);
    }
  });
}

test("HPKE: a public key of the wrong length is refused", async () => {
  await assert.rejects(hpkeSealing.seal(bytes("secret"), new Uint8Array(31), "a"), KeyEncryptionError);
});
