import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { test } from "node:test";
import { freshPlace, type Place, runToEnd, startPlatform } from "./testing/platform.ts";
import { freePort } from "./testing/process.ts";

/** Starts at a place that something is wrong with: one line says what, and the exit code is not 0. */
async function refused(place: Place, line: RegExp, env: Record<string, string> = {}): Promise<void> {
  const { code, stderr } = await runToEnd(place, env);
  assert.notEqual(code, 0);
  assert.equal(stderr.trim().split("\n").length, 1, stderr);
  assert.match(stderr, line);
}

async function occupied(port: number): Promise<{ free(): Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { free: () => new Promise((resolve) => server.close(() => resolve())) };
}

test("a port that is taken is named, with the variable that changes it", async (t) => {
  const place = await freshPlace();
  t.after(() => place.remove());
  for (const [port, variable] of [
    [place.port, "PORT"],
    [place.bigQueryPort, "LOCAL_BIGQUERY_PORT"],
  ] as const) {
    const other = await occupied(port);
    t.after(() => other.free());
    await refused(place, new RegExp(`port ${port} .*(taken|in use).* ${variable} `));
  }
});

test("a data folder that another process holds is named", async (t) => {
  const place = await freshPlace();
  const platform = await startPlatform(place);
  t.after(async () => {
    await platform.end("SIGKILL");
    await place.remove();
  });
  const other = { ...place, port: await freePort(), bigQueryPort: await freePort() };
  await refused(other, /data folder .* is in use by process \d+/);
});

test("a data folder that cannot be made or written is named", async (t) => {
  const place = await freshPlace();
  t.after(() => place.remove());
  const file = path.join(place.dataDir, "a-file");
  await writeFile(file, "");
  await refused({ ...place, dataDir: path.join(file, "data") }, /data folder .* cannot be written/);
  if (process.getuid?.() === 0) return; // Root may write everywhere.
  const locked = path.join(place.dataDir, "locked");
  await mkdir(locked);
  await chmod(locked, 0o500);
  await refused({ ...place, dataDir: path.join(locked, "data") }, /cannot be written/);
});

test("data of a newer version is refused, not touched", async (t) => {
  const place = await freshPlace();
  t.after(() => place.remove());
  await writeFile(path.join(place.dataDir, "format"), "convergence-data 99\n");
  await refused(place, /data of a newer version \(99;/);
});

test("all faults of the environment are told at once", async (t) => {
  const place = await freshPlace();
  t.after(() => place.remove());
  const { code, stderr } = await runToEnd(place, { PORT: "http", RUNNER_SLOTS: "0" });
  assert.notEqual(code, 0);
  assert.match(stderr, /PORT/);
  assert.match(stderr, /RUNNER_SLOTS/);
});

test("an address that others reach needs an admin key", async (t) => {
  const place = await freshPlace();
  t.after(() => place.remove());
  await refused(place, /ADMIN_API_KEY is not set/, { HOST: "0.0.0.0" });
});
