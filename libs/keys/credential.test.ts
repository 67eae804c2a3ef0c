import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CREDENTIAL_TYPES,
  type CredentialType,
  credentialFault,
  MAX_CREDENTIAL_BYTES,
} from "./credential.ts";

const ACCOUNT = {
  type: "service_account",
  client_email: "a@b.iam.gserviceaccount.com",
  private_key: "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n",
};
const WEBHOOK = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

const GOOD: Record<CredentialType, string[]> = {
  api_key: ["k", "sk-live_0123456789", "a=b"],
  bearer: ["eyJhbGciOi.x.y"],
  basic: ["user:", "user:pass:word", "ü:ß"],
  header: ["X-Token: a b", "Api-Key:abc"],
  service_account_json: [JSON.stringify(ACCOUNT)],
  webhook_secret: [WEBHOOK],
};

const BAD: Record<CredentialType, string[]> = {
  api_key: ["", "a b", "a\r\nX: y", "ü", "k\n"],
  bearer: ["Bearer x", "a\0"],
  basic: ["user", ":pass", "user:a\nb"],
  header: ["X-Token", "X Token: a", "X: a\r\nY: b", "Host: evil", "Content-Length: 0", "X: "],
  service_account_json: [
    "{",
    "null",
    JSON.stringify({ ...ACCOUNT, type: "authorized_user" }),
    JSON.stringify({ ...ACCOUNT, private_key: "x" }),
  ],
  webhook_secret: ["whsec_", "whsec_c2hvcnQ=", WEBHOOK.slice(6), `whsec_${"*".repeat(40)}`],
};

test("a secret is checked by its type, and a fault repeats none of it", () => {
  for (const type of CREDENTIAL_TYPES) {
    for (const value of GOOD[type]) assert.equal(credentialFault(type, value), null, `${type} ${value}`);
    for (const value of [...BAD[type], `canary-${"x".repeat(MAX_CREDENTIAL_BYTES)}`]) {
      const fault = credentialFault(type, value);
      assert.ok(fault !== null, `${type} ${value.slice(0, 80)}`);
      assert.ok(!fault.includes("canary"));
    }
  }
});

test("the bound is one of bytes, not of characters", () => {
  const password = "ü".repeat((MAX_CREDENTIAL_BYTES - 2) / 2);
  assert.equal(credentialFault("basic", `u:${password}`), null);
  assert.ok(credentialFault("basic", `uu:${password}`) !== null);
});
