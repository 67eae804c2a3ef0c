import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { startKit } from "../test-kit.ts";

/** GET of the datasets with these headers: status and body. (fetch sets Host itself.) */
function get(port: number, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const path = "/bigquery/v2/projects/p/datasets";
    const sent = request({ host: "127.0.0.1", port, path, headers }, (response) => {
      let body = "";
      response.on("data", (part: Buffer) => {
        body += part.toString();
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

test("a request from a web page is refused, whatever the page's origin", async (t) => {
  const { server } = await startKit(t);
  for (const origin of ["https://evil.example", "null", server.url]) {
    const { status, body } = await get(server.port, { origin });
    assert.equal(status, 403, origin);
    assert.match(body, /"reason":"accessDenied"/);
  }
});

test("a Host that is neither loopback nor the listening host is refused", async (t) => {
  const { server } = await startKit(t);
  for (const host of ["evil.example", `evil.example:${server.port}`, "127.0.0.1.evil.example", "10.0.0.1"]) {
    const { status, body } = await get(server.port, { host });
    assert.equal(status, 403, host);
    assert.match(body, /"reason":"accessDenied"/);
  }
  for (const host of [`127.0.0.1:${server.port}`, "localhost", "LOCALHOST:1", "[::1]:9050", "127.0.0.2"])
    assert.equal((await get(server.port, { host })).status, 200, host);
});
