import assert from "node:assert/strict";
import { test } from "node:test";
import { type Random, systemRandom } from "@convergence/runtime/random.ts";
import { hashApiKey, newApiKey, newKeyId, parseApiKey } from "./index.ts";

test("a new key names its tenant and is read back", () => {
  const key = newApiKey("acmeinc_23xv2", systemRandom);
  assert.match(key, /^acmeinc_23xv2_api_[A-Za-z0-9]{16}$/);
  assert.deepEqual(parseApiKey(key), { tenantId: "acmeinc_23xv2" });
});

test("a tenant id that contains _api_ is split at the last one", () => {
  assert.deepEqual(parseApiKey("a_api_b_api_0123456789abcdef"), { tenantId: "a_api_b" });
  assert.deepEqual(parseApiKey("abc_api_0123456789abcdef_api_0123456789abcdef"), {
    tenantId: "abc_api_0123456789abcdef",
  });
});

test("what is not a key's shape is no key", () => {
  const secret = "0123456789abcdef";
  const wrong = [
    "",
    "acme",
    `_api_${secret}`,
    `ab_api_${secret}`,
    `${"a".repeat(51)}_api_${secret}`,
    `acme_api_${secret}0`,
    "acme_api_0123456789abcde",
    `acme_api_${secret}\n`,
    ` acme_api_${secret}`,
    `ac-me_api_${secret}`,
    `äcme_api_${secret}`,
    "acme_api_0123456789abcde_",
    `acme_API_${secret}`,
  ];
  for (const text of wrong) assert.equal(parseApiKey(text), null, JSON.stringify(text));
});

test("bytes that would favour some letters are thrown away", () => {
  const served: number[] = [];
  const random: Random = {
    uuid: () => "",
    bytes(n) {
      const from = served.length;
      const bytes = Array.from({ length: n }, (_, i) => (from + i < 8 ? 248 + from + i : from + i - 8));
      served.push(...bytes);
      return Uint8Array.from(bytes);
    },
  };
  assert.equal(newApiKey("acme", random), "acme_api_ABCDEFGHIJKLMNOP");
});

test("each of the 62 characters comes up equally often", () => {
  const counts = new Map<string, number>();
  const keys = 4000;
  for (let i = 0; i < keys; i++) {
    for (const letter of newApiKey("acme", systemRandom).slice(-16)) {
      counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
  }
  const expected = (keys * 16) / 62;
  const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  assert.equal(counts.size, 62);
  // 61 degrees of freedom: 140 is passed by chance once in ten million; `byte % 62` gives about 480.
  assert.ok(chiSquare < 140, `chi-square ${chiSquare}`);
});

test("the hash is SHA-256 of the key's UTF-8, as GoogleSQL's SHA256 gives it", () => {
  assert.equal(
    Buffer.from(hashApiKey("acme_api_0123456789abcdef")).toString("hex"),
    "eec20f5c344bd54a3aadcc940e901bd1cde4fe96339cc4bb661dc815416dedaa",
  );
});

test("key ids differ and can be a part of a topic key", () => {
  const ids = new Set(Array.from({ length: 100 }, () => newKeyId(systemRandom)));
  assert.equal(ids.size, 100);
  for (const id of ids) assert.match(id, /^[a-z0-9-]+$/);
});
