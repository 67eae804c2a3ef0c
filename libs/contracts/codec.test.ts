import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import avro from "avsc";
import { rabin } from "./fingerprint.ts";
import { renderMessages } from "./generate.ts";
import {
  decode,
  decodeAs,
  encode,
  fingerprintOf,
  MESSAGE_TYPES,
  type StepReported,
  schemaOf,
  TOPICS,
  topicSpecs,
  UnreadableRecord,
} from "./index.ts";
import { canonical, compile, readHistory, readSchemas } from "./schemas.ts";

const reported: StepReported = {
  type: "StepReported",
  tenant_id: "acme",
  run_id: "r",
  index: 0,
  attempt: 2,
  runner: "runner-1",
  ok: true,
  retryable: false,
  finished_at: 1_763_200_000_000,
  rows_processed: 42,
  bytes_processed: null,
  error_message: null,
  metadata: '{"job_id":"x"}',
};

test("fingerprints are CRC-64-AVRO, as the Avro specification's own tests have them", () => {
  // share/test/data/schema-tests.txt of Apache Avro: `"null"` and `"int"`, as signed 64-bit integers.
  assert.equal(rabin('"null"').readBigInt64LE(), 7195948357588979594n);
  assert.equal(rabin('"int"').readBigInt64LE(), 8247732601305521295n);
});

test("a record reads back as it was written", () => {
  const bytes = encode(reported);
  assert.deepEqual([bytes[0], bytes[1]], [0xc3, 0x01]);
  assert.deepEqual({ ...decode(bytes) }, reported);
});

test("a record that does not fit its schema is refused when it is written", () => {
  const wrong = { ...reported, index: 0.5 };
  assert.throws(() => encode(wrong), /invalid "int"/);
});

test("what no schema reads is told as unreadable, not as something else", () => {
  const unknown = Buffer.from(encode(reported));
  unknown[5] = (unknown[5] ?? 0) ^ 0xff;
  const truncated = encode(reported).subarray(0, 14);
  for (const bytes of [Buffer.alloc(0), Buffer.from('{"a":1}'), unknown, truncated]) {
    assert.throws(() => decode(bytes), UnreadableRecord);
  }
  assert.throws(() => decodeAs(null, ["StepReported"]), UnreadableRecord);
  assert.throws(() => decodeAs(encode(reported), ["StepClaimed"]), /a StepReported where none belongs/);
});

test("messages.ts is what the schemas say: run `npm run schemas`", () => {
  assert.equal(readFileSync(path.join(import.meta.dirname, "messages.ts"), "utf8"), renderMessages());
});

// The rule: a schema that was ever released stays in history, and its records stay readable. A field may be added
// with a default or removed; a name or a type never changes.
test("every current schema is in history: run `npm run schemas`", () => {
  const known = new Set(
    readHistory().map(({ name, schema }) => `${name}.${rabin(recompiled(schema)).toString("hex")}`),
  );
  for (const name of MESSAGE_TYPES) {
    assert.ok(
      known.has(`${name}.${fingerprintOf(name)}`),
      `${name} changed and its schema is not in history`,
    );
  }
});

test("a record written with any schema of history is readable with today's", () => {
  const current = compile(readSchemas());
  const history = readHistory();
  assert.ok(history.length >= MESSAGE_TYPES.length);
  for (const { name, schema } of history) {
    const written = compile(new Map([[schema.name, schema]])).get(schema.name);
    const reader = current.get(name);
    assert.ok(
      written !== undefined && reader !== undefined,
      `${name} was removed: its records must stay readable`,
    );
    const body = written.toBuffer(written.random());
    const bytes = Buffer.concat([Buffer.from([0xc3, 1]), rabin(canonical(written)), body]);
    assert.equal(decode(bytes).type, name);
  }
});

test("a field may be added with a default, and one without is refused by the rule above", () => {
  const base = { type: "record" as const, name: "R", fields: [{ name: "a", type: "int" }] };
  const added = { ...base, fields: [...base.fields, { name: "b", type: ["null", "string"], default: null }] };
  const broken = { ...base, fields: [...base.fields, { name: "b", type: "string" }] };
  const written = avro.Type.forSchema(base);
  assert.doesNotThrow(() => avro.Type.forSchema(added).createResolver(written));
  assert.throws(() => avro.Type.forSchema(broken).createResolver(written));
});

test("every schema names what it is for", () => {
  for (const name of MESSAGE_TYPES) assert.ok(schemaOf(name).includes(`"${name}"`));
});

test("every topic has a dead-letter topic, and all are co-partitioned", () => {
  const specs = topicSpecs(12);
  assert.equal(specs.length, 2 * Object.keys(TOPICS).length);
  assert.ok(specs.every(({ partitions }) => partitions === 12));
  assert.equal(specs.find(({ name }) => name === "api-keys")?.cleanup, "compact");
  assert.equal(specs.find(({ name }) => name === "tenant.events")?.retentionMs, null);
});

function recompiled(schema: ReturnType<typeof readHistory>[number]["schema"]): string {
  const type = compile(new Map([[schema.name, schema]])).get(schema.name);
  assert.ok(type !== undefined);
  return canonical(type);
}
