import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { listen } from "./listen.ts";

test("a server listens on a free port; a second one there is told that it is taken", async (t) => {
  const first = createServer();
  t.after(() => first.close());
  const port = await listen(first, "127.0.0.1", 0, "PORT");
  assert.ok(port > 0);
  await assert.rejects(listen(createServer(), "127.0.0.1", port, "PORT"), {
    name: "StartError",
    message: `port ${port} on 127.0.0.1 is taken by another program`,
    remedy: /set PORT to another port/,
  });
});
