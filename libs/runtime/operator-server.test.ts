import assert from "node:assert/strict";
import { test } from "node:test";
import { metrics } from "./metrics.ts";
import { operatorServer } from "./operator-server.ts";

test("health tells each dependency, ready is 503 while one fails, metrics are text", async (t) => {
  const registry = metrics();
  registry.counter("convergence_test_total", "A test's count.").inc();
  let up = false;
  const server = await operatorServer("127.0.0.1", 0, registry, {
    bus: () => up,
    broken: () => {
      if (!up) throw new Error("down");
      return true;
    },
  });
  t.after(() => server.close());
  const get = async (path: string, method = "GET") => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };
  assert.deepEqual(await get("/health/live"), { status: 200, text: '{"status":"ok"}' });
  const down = '{"status":"unavailable","checks":{"bus":"unavailable","broken":"unavailable"}}';
  assert.deepEqual(await get("/health/ready"), { status: 503, text: down });
  assert.deepEqual(await get("/health"), { status: 200, text: down });
  up = true;
  assert.equal((await get("/health/ready")).status, 200);
  assert.match((await get("/metrics")).text, /^convergence_test_total 1$/m);
  assert.equal((await get("/elsewhere")).status, 404);
  assert.equal((await get("/metrics", "POST")).status, 405);
});
