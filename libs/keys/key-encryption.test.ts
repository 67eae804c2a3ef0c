import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { systemRandom } from "@convergence/runtime/random.ts";
import { StartError } from "@convergence/runtime/start-error.ts";
import { keyEncryptionContract } from "./contract-suite.ts";
import { envelopeEncryption, KeyEncryptionError, localKeyRing } from "./index.ts";

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "keys-"));
  t.after(() => rm(made, { recursive: true }));
  return made;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (encoded: Uint8Array) => new TextDecoder().decode(encoded);

keyEncryptionContract("local key ring", async () => envelopeEncryption(systemRandom.bytes(32), systemRandom));

test("what a ring encrypted, a ring opened later on the same file decrypts", async (t) => {
  const file = path.join(await folder(t), "key-ring.json");
  const ciphertext = await (await localKeyRing(file, systemRandom)).encrypt(
    bytes("secret"),
    "acme/api-key/1",
  );
  const reopened = await localKeyRing(file, systemRandom);
  assert.equal(text(await reopened.decrypt(ciphertext, "acme/api-key/1")), "secret");
});

test("any flipped bit of a ring's ciphertext fails", async () => {
  const ring = envelopeEncryption(systemRandom.bytes(32), systemRandom);
  const ciphertext = await ring.encrypt(bytes("secret"), "acme");
  for (let bit = 0; bit < ciphertext.length * 8; bit++) {
    const flipped = Uint8Array.from(ciphertext, (b, i) => (i === bit >> 3 ? b ^ (1 << (bit & 7)) : b));
    await assert.rejects(ring.decrypt(flipped, "acme"), KeyEncryptionError, `bit ${bit}`);
  }
});

test("a stored ciphertext of version 1 stays readable", async () => {
  const ring = envelopeEncryption(new Uint8Array(32).fill(7), systemRandom);
  const stored = Buffer.from(
    "Ab+K1v/Qk2aCPYJlvvANmA++2VQH/kqlngdGqUI5I09klrcGDfiaa8y+Z3ZIQkLvZC0R88VCJw9yMTiSMg1Sl+QUIAg8ap90XnG8/qTtdymASx8zzRibkZ+BmxNP8nNdH0sUWUAT",
    "base64",
  );
  assert.equal(text(await ring.decrypt(stored, "acme")), "kept for ever");
});

test("the key file is private and written whole, with nothing left beside it", async (t) => {
  const made = await folder(t);
  await localKeyRing(path.join(made, "key-ring.json"), systemRandom);
  assert.deepEqual(await readdir(made), ["key-ring.json"]);
  assert.equal((await stat(path.join(made, "key-ring.json"))).mode & 0o777, 0o600);
});

test("two rings opened at once for the first time share one key", async (t) => {
  const file = path.join(await folder(t), "key-ring.json");
  const [one, two] = await Promise.all([localKeyRing(file, systemRandom), localKeyRing(file, systemRandom)]);
  assert.equal(text(await two.decrypt(await one.encrypt(bytes("secret"), "a"), "a")), "secret");
});

test("a damaged key file is an error that names it, and is left as it is", async (t) => {
  const file = path.join(await folder(t), "key-ring.json");
  await localKeyRing(file, systemRandom);
  const whole = await readFile(file, "utf8");
  const key = /"key":"([^"]+)"/.exec(whole)?.[1] ?? assert.fail("no key in the key file");
  const damaged = [
    "",
    whole.slice(0, 40),
    "null",
    "[]",
    "{}",
    whole.replace("convergence-key-ring", "something-else"),
    whole.replace(key, key.slice(0, -4)),
    whole.replace(key, `!${key.slice(1)}`),
    whole.replace('"version":1', '"version":"1"'),
  ];
  for (const content of damaged) {
    await writeFile(file, content);
    await assert.rejects(localKeyRing(file, systemRandom), (error) => {
      assert.ok(error instanceof StartError, String(error));
      assert.match(error.message, /key-ring\.json is damaged or no key file/);
      assert.match(error.remedy, /backup/);
      assert.equal(`${error.message}${error.remedy}`.includes(key.slice(0, 8)), false);
      return true;
    });
    assert.equal(await readFile(file, "utf8"), content);
  }
});

test("a key file of a newer version is an error that says so", async (t) => {
  const file = path.join(await folder(t), "key-ring.json");
  await writeFile(file, JSON.stringify({ format: "convergence-key-ring", version: 2, keys: [] }));
  await assert.rejects(localKeyRing(file, systemRandom), { name: "StartError", message: /is of version 2/ });
});

test("a key file that cannot be read or made is one clear error", async (t) => {
  const made = await folder(t);
  await assert.rejects(localKeyRing(made, systemRandom), {
    name: "StartError",
    message: /cannot be read \(EISDIR\)/,
  });
  const missing = path.join(made, "missing", "key-ring.json");
  await assert.rejects(localKeyRing(missing, systemRandom), {
    name: "StartError",
    message: /cannot be made \(ENOENT\)/,
  });
});
