import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "./clock.ts";
import { type Logger, logger, scrubText } from "./log.ts";

const clock: Clock = { now: () => Date.UTC(2025, 10, 15), after: () => ({ clear() {} }) };

function capture(level = "info"): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return {
    log: logger({ level, service: "gateway", clock, to: { write: (line) => lines.push(line) } }),
    lines,
  };
}

const KEY = "acme_api_0123456789abcdef";

test("a line is one JSON object with level, time, service, fields and message", () => {
  const { log, lines } = capture();
  log.info({ run_id: "r1" }, "run accepted");
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.endsWith("}\n"));
  assert.deepEqual(JSON.parse(lines[0] ?? ""), {
    level: "info",
    time: "2025-11-15T00:00:00.000Z",
    service: "gateway",
    run_id: "r1",
    msg: "run accepted",
  });
});

test("lines below the level are not printed", () => {
  const { log, lines } = capture("warn");
  log.info("no");
  log.warn("yes");
  assert.equal(lines.length, 1);
});

test("an API key is printed nowhere, whichever way it comes", () => {
  const { log, lines } = capture();
  const error: Error & { detail?: unknown } = new Error(`key ${KEY} refused`, { cause: new Error(KEY) });
  error.detail = { headers: { "x-api-key": KEY } };
  log.info(`text ${KEY}`);
  log.info("text %s", KEY);
  log.info({ url: `/x?key=${KEY}`, nested: { list: [KEY] }, [KEY]: 1 }, "fields");
  log.error({ err: error }, "error");
  log.error(error);
  log
    .child({ tenant: KEY })
    .child({ more: { key: KEY } })
    .info("bindings");
  assert.equal(lines.length, 6);
  assert.equal(lines.join("").includes("0123456789abcdef"), false);
  for (const line of lines) JSON.parse(line);
});

test("fields of a secret's name are redacted at any depth, other fields stay", () => {
  const { log, lines } = capture();
  const names = [
    "x-api-key",
    "X-Admin-Key",
    "Authorization",
    "proxy-authorization",
    "api_key",
    "apiKey",
    "ADMIN_API_KEY",
    "cookie",
    "set-cookie",
    "password",
    "client_secret",
    "accessToken",
    "private_key",
    "plaintext",
  ];
  for (const name of names) {
    log.info({ deep: [{ [name]: "hunter2", run_id: "r1" }] }, "x");
    log.info({ [name]: { parts: ["hunter2"] } }, "x");
    log.child({ [name]: "hunter2" }).info("x");
  }
  const text = lines.join("");
  assert.equal(text.includes("hunter2"), false);
  assert.equal(text.split("[redacted]").length - 1, names.length * 3);
  assert.equal(text.split('"run_id":"r1"').length - 1, names.length);
});

test("a key's id and hash are no secrets", () => {
  const { log, lines } = capture();
  log.info({ api_key_id: "k1", api_key_hash: "h1" }, 'the "token": of it');
  assert.match(lines[0] ?? "", /"api_key_id":"k1","api_key_hash":"h1"/);
});

test("bearer tokens are scrubbed from text", () => {
  assert.equal(
    scrubText("Authorization: Bearer ya29.a0AfH6SMB failed"),
    "Authorization: Bearer [redacted] failed",
  );
});
