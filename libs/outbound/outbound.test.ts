/** The client against real servers on this machine; names are looked up by hand. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { allowedRanges } from "./addresses.ts";
import { OutboundError } from "./errors.ts";
import type { Lookup } from "./guard.ts";
import { type OutboundOptions, outbound } from "./outbound.ts";

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on loopback that counts the connections made to it. */
async function serve(t: TestContext, handle: Handle, host = "127.0.0.1") {
  const server = createServer(handle);
  const seen = { connections: 0 };
  server.on("connection", () => {
    seen.connections += 1;
  });
  server.listen(0, host);
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port, seen };
}

function client(t: TestContext, options: OutboundOptions = {}) {
  const made = outbound(options);
  t.after(() => made.close());
  return made;
}

/** Says each name's addresses. */
function names(map: Record<string, string[]>): Lookup {
  return async (name) =>
    (map[name] ?? []).map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
}

const LOOPBACK = { allowed: allowedRanges("127.0.0.1") };

async function reason(asked: Promise<unknown>): Promise<string> {
  const error = await asked.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(error instanceof OutboundError, String(error));
  return error.reason;
}

test("an answer comes with status, headers and body, whatever the status", async (t) => {
  const { port } = await serve(t, (request, response) => {
    response.writeHead(404, {
      "X-Got": `${request.method} ${request.headers.authorization}`,
      "retry-after": "7",
    });
    request.pipe(response);
  });
  const url = `http://127.0.0.1:${port}/a?b=1`;
  const headers = { Authorization: "Bearer x" };
  const answer = await client(t, LOOPBACK).fetch(url, { method: "POST", headers, body: "héllo" });
  assert.deepEqual(
    [answer.status, answer.headers["x-got"], answer.headers["retry-after"], answer.text(), answer.url],
    [404, "POST Bearer x", "7", "héllo", url],
  );
});

test("every spelling of an address that is not public is refused, and nothing connects", async (t) => {
  const { port, seen } = await serve(t, (_, response) => response.end("reached"), "0.0.0.0");
  const six = await serve(t, (_, response) => response.end("reached"), "::1").catch(() => null);
  const spellings = [
    ...[
      "127.0.0.1",
      "2130706433",
      "0x7f000001",
      "0x7f.0.0.1",
      "0177.0.0.1",
      "017700000001",
      "127.1",
      "127.0.1",
    ],
    ...[
      "127.0.0.1.",
      "0",
      "0.0.0.0",
      "１２７.０.０.１",
      "①②⑦.0.0.1",
      "127。0。0。1",
      "127%2e0%2e0%2e1",
      "%31%32%37.0.0.1",
    ],
    ...["[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"],
    ...[
      "[64:ff9b::127.0.0.1]",
      "[64:ff9b::7f00:1]",
      "169.254.169.254",
      "2852039166",
      "0xa9fea9fe",
      "0xA9.254.0251.0xfe",
    ],
    ...[
      "[::ffff:169.254.169.254]",
      "[fd00:ec2::254]",
      "[fe80::1]",
      "[fc00::1]",
      "[ff02::1]",
      "10.0.0.1",
      "192.168.0.1",
    ],
    ...["172.16.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "[2002:7f00:1::]"],
  ];
  for (const host of spellings) {
    const at = host.startsWith("[") ? (six?.port ?? port) : port;
    assert.equal(await reason(client(t).fetch(`http://${host}:${at}/`)), "refused", host);
    assert.equal(await reason(client(t).fetch(`https://${host}:${at}/`)), "refused", host);
  }
  assert.equal(await reason(client(t).fetch(`http://[fe80::1%25eth0]:${port}/`)), "invalid");
  assert.deepEqual([seen.connections, six?.seen.connections ?? 0], [0, 0]);
});

test("a name that leads inside is refused, by the system's own lookup too, and tells no address", async (t) => {
  const { port, seen } = await serve(t, (_, response) => response.end("reached"));
  for (const host of ["localhost", "LOCALHOST"]) {
    assert.equal(await reason(client(t).fetch(`http://${host}:${port}/`)), "refused");
  }
  const lookup = names({
    one: ["10.1.2.3"],
    "localhost.": ["127.0.0.1"],
    mixed: ["8.8.8.8", "127.0.0.1"],
    six: ["::ffff:127.0.0.1"],
  });
  for (const host of ["one", "localhost.", "mixed", "six"]) {
    await assert.rejects(client(t, { lookup }).fetch(`http://${host}:${port}/`), (error: unknown) => {
      assert.ok(error instanceof OutboundError);
      assert.equal(error.reason, "refused");
      assert.doesNotMatch(error.message, /10\.1|127\.0/);
      return true;
    });
  }
  assert.equal(await reason(client(t, { lookup }).fetch("http://nobody/")), "unreachable");
  assert.equal(seen.connections, 0);
});

test("a name whose answer changes: what was judged is what is connected to", async (t) => {
  const { port, seen } = await serve(t, (_, response) => response.end("reached"));
  const asked: string[] = [];
  // The first answer may be asked (allowed here), every later one may not: a second lookup would be seen.
  const lookup: Lookup = async (name) => {
    asked.push(name);
    return [{ address: asked.length === 1 ? "127.0.0.1" : "127.0.0.9", family: 4 }];
  };
  const rebinding = client(t, { lookup, ...LOOPBACK });
  const url = `http://rebind.example:${port}/`;
  assert.equal((await rebinding.fetch(url)).text(), "reached");
  assert.deepEqual([asked.length, seen.connections], [1, 1]);
  const fresh = client(t, { lookup, ...LOOPBACK });
  assert.equal(await reason(fresh.fetch(url)), "refused");
  assert.deepEqual([asked.length, seen.connections], [2, 1]);
});

test("redirects are followed, and each is judged", async (t) => {
  const { port } = await serve(t, (request, response) => {
    const to: Record<string, string> = {
      "/away": "http://10.0.0.1/",
      "/name": "http://inside.example/",
      "/scheme": "file:///etc/passwd",
      "/user": "http://a:b@127.0.0.1/",
      "/loop": "/loop",
      "/nowhere": "http://[/",
      "/ok": "/end",
    };
    const location = to[request.url ?? ""];
    if (location === undefined) response.end(`${request.method} ${request.headers.authorization}`);
    else response.writeHead(302, { location }).end();
  });
  const lookup = names({ "inside.example": ["192.168.0.7"] });
  const at = (path: string, more = {}) =>
    client(t, { ...LOOPBACK, lookup }).fetch(`http://127.0.0.1:${port}${path}`, more);
  for (const path of ["/away", "/name", "/scheme", "/user"])
    assert.equal(await reason(at(path)), "refused", path);
  assert.equal(await reason(at("/nowhere")), "invalid");
  assert.equal(await reason(at("/loop")), "invalid");
  const ended = await at("/ok", { method: "POST", body: "x", headers: { authorization: "s" } });
  assert.deepEqual([ended.text(), new URL(ended.url).pathname], ["GET s", "/end"]);
});

test("a secret and a body stay with the origin that they were meant for", async (t) => {
  const other = await serve(t, (request, response) => response.end(JSON.stringify(request.headers)));
  const { port } = await serve(t, (_, response) => {
    response.writeHead(307, { location: `http://127.0.0.1:${other.port}/` }).end();
  });
  const url = `http://127.0.0.1:${port}/`;
  const headers = { Authorization: "secret", Cookie: "secret", "X-Api-Key": "secret", Accept: "a/b" };
  const answer = await client(t, LOOPBACK).fetch(url, { headers });
  assert.doesNotMatch(answer.text(), /secret/);
  assert.match(answer.text(), /a\/b/);
  assert.equal(await reason(client(t, LOOPBACK).fetch(url, { method: "POST", body: "secret" })), "refused");
});

test("other schemes, URLs with a user, and what is no URL are not asked", async (t) => {
  const made = client(t);
  for (const url of [
    "file:///etc/passwd",
    "ftp://example.com/",
    "gopher://x/",
    "data:text/plain,x",
    "http://u:p@example.com/",
  ]) {
    assert.equal(await reason(made.fetch(url)), "refused", url);
  }
  for (const url of ["", "example.com", "http://", "http://256.1.1.1/", `http://x/${"a".repeat(9_000)}`]) {
    assert.equal(await reason(made.fetch(url)), "invalid", url);
  }
  assert.equal(await reason(made.fetch("http://8.8.8.8/", { headers: { "a\r\nb": "c" } })), "invalid");
});

test("an answer that is too long, comes too late, or is compressed unasked is given up", async (t) => {
  const { port } = await serve(t, (request, response) => {
    if (request.url === "/zip") response.writeHead(200, { "content-encoding": "gzip" }).end("x");
    else if (request.url === "/told") response.writeHead(200, { "content-length": "1000000" }).write("x");
    else if (request.url === "/endless") {
      const more = () => void response.write("x".repeat(10_000), (error) => error ?? setImmediate(more));
      more();
    } else if (request.url === "/slow") response.write("x");
  });
  const at = (path: string, more = {}) => client(t, LOOPBACK).fetch(`http://127.0.0.1:${port}${path}`, more);
  assert.equal(await reason(at("/zip")), "invalid");
  assert.equal(await reason(at("/told", { maxBytes: 999 })), "too_large");
  assert.equal(await reason(at("/endless", { maxBytes: 100_000 })), "too_large");
  assert.equal(await reason(at("/slow", { timeoutMs: 50 })), "timeout");
  assert.equal(await reason(at("/silent", { timeoutMs: 50 })), "timeout");
  const giving = new AbortController();
  const asked = at("/silent", { signal: giving.signal });
  giving.abort();
  assert.equal(await reason(asked), "aborted");
});

test("a server that is away is unreachable, which may pass", async (t) => {
  const { port } = await serve(t, (request) => request.socket.destroy());
  for (const at of [port, 1]) {
    await assert.rejects(client(t, LOOPBACK).fetch(`http://127.0.0.1:${at}/`), {
      reason: "unreachable",
      transient: true,
    });
  }
});
