import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { systemRandom } from "@convergence/runtime/random.ts";
import { type KeyEncryption, KeyEncryptionError } from "./port.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/**
 * What every KeyEncryption keeps to, as tests.
 * @param open a new one; two of one test hold different keys
 */
export function keyEncryptionContract(name: string, open: (t: TestContext) => Promise<KeyEncryption>): void {
  test(`${name}: an empty plaintext and a large one come back whole`, async (t) => {
    const keys = await open(t);
    for (const size of [0, 1, 65_537]) {
      const plaintext = systemRandom.bytes(size);
      assert.deepEqual(
        await keys.decrypt(await keys.encrypt(plaintext, "a"), "a"),
        Uint8Array.from(plaintext),
      );
    }
  });

  test(`${name}: the same plaintext encrypts differently each time, and is not in the bytes`, async (t) => {
    const keys = await open(t);
    const one = Buffer.from(await keys.encrypt(bytes("secret"), "a"));
    assert.notDeepEqual(one, Buffer.from(await keys.encrypt(bytes("secret"), "a")));
    assert.equal(one.includes("secret"), false);
  });

  test(`${name}: another tenant, record or purpose, or another key, does not open it`, async (t) => {
    const keys = await open(t);
    const ciphertext = await keys.encrypt(bytes("secret"), "acme|k1|api-key");
    for (const aad of ["", "acm", "acme2|k1|api-key", "acme|k2|api-key", "acme|k1|credential"]) {
      await assert.rejects(keys.decrypt(ciphertext, aad), KeyEncryptionError, aad);
    }
    await assert.rejects((await open(t)).decrypt(ciphertext, "acme|k1|api-key"), KeyEncryptionError);
    assert.deepEqual(await keys.decrypt(ciphertext, "acme|k1|api-key"), bytes("secret"));
  });

  test(`${name}: a cut at any place, or a flipped bit of any byte, does not open`, async (t) => {
    const keys = await open(t);
    const ciphertext = await keys.encrypt(bytes("secret"), "acme");
    for (let at = 0; at < ciphertext.length; at++) {
      await assert.rejects(keys.decrypt(ciphertext.subarray(0, at), "acme"), KeyEncryptionError, `${at}`);
      const flipped = Uint8Array.from(ciphertext, (b, i) => (i === at ? b ^ (1 << (at & 7)) : b));
      await assert.rejects(keys.decrypt(flipped, "acme"), KeyEncryptionError, `byte ${at}`);
    }
  });
}
