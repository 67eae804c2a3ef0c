import assert from "node:assert/strict";
import { test } from "node:test";
import { startKit } from "../test-kit.ts";

test("bad requests are answered with 4xx", async (t) => {
  const { server } = await startKit(t);
  const base = `${server.url}/bigquery/v2/projects/p`;
  const post = (path: string, body: string): Promise<Response> =>
    fetch(`${base}/${path}`, { method: "POST", body });
  assert.equal((await post("datasets", "{")).status, 400);
  assert.equal((await post("datasets", "[]")).status, 400);
  assert.equal((await post("queries", "{}")).status, 400);
  assert.equal((await post("jobs", "{}")).status, 400);
  assert.equal((await fetch(`${base}/nonsense`)).status, 404);
  assert.equal((await fetch(`${base}/datasets/%E0%A4%A`)).status, 404);
  assert.equal((await fetch(`${base}/datasets?pageToken=zzz`)).status, 400);
});
