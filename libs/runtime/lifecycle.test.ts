import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { lifecycle } from "./lifecycle.ts";
import { logger } from "./log.ts";
import { StartError } from "./start-error.ts";

/** Runs testing/process.ts; sends one signal of `signals` each time a line of output matches its `on`. */
async function run(
  t: TestContext,
  behaviour: string,
  signals: { on: RegExp; send: NodeJS.Signals }[] = [],
): Promise<{ code: number | null; out: string[]; err: string }> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, "testing", "process.ts"), behaviour]);
  t.after(() => child.kill("SIGKILL"));
  let out = "";
  let err = "";
  const due = [...signals];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    while (due[0]?.on.test(out)) child.kill(due.shift()?.send);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const [code] = await once(child, "close");
  return { code, out: out.trim().split("\n"), err };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} stops the parts in reverse and exits with 0`, async (t) => {
    const { code, out } = await run(t, "good", [{ on: /ready/, send: signal }]);
    assert.equal(code, 0);
    assert.deepEqual(
      out.filter((line) => /^(start|stop)/.test(line)),
      ["start bus", "start gateway", "stop gateway", "stop bus"],
    );
  });
}

test("a part that does not stop in time ends the process with 1", async (t) => {
  const { code, out } = await run(t, "hang", [{ on: /ready/, send: "SIGTERM" }]);
  assert.equal(code, 1);
  assert.match(out.at(-1) ?? "", /"level":"fatal".*did not stop in time/);
});

test("a second signal ends the process at once", async (t) => {
  const { code } = await run(t, "hang", [
    { on: /ready/, send: "SIGTERM" },
    { on: /stop gateway/, send: "SIGINT" },
  ]);
  assert.equal(code, 130);
});

test("a part that fails to stop does not keep the others from stopping", async (t) => {
  const { code, out } = await run(t, "stop-error", [{ on: /ready/, send: "SIGTERM" }]);
  assert.equal(code, 1);
  assert.equal(out.at(-1), "stop bus");
});

test("a start error is one line with its remedy, without stack or secret, and what was started is stopped", async (t) => {
  const { code, out, err } = await run(t, "start-error");
  assert.equal(code, 1);
  assert.equal(err, "convergence: port 80 is taken by acme_api_[redacted]. Free it.\n");
  assert.deepEqual(out, ["start bus", "stop bus"]);
});

for (const behaviour of ["start-bug", "rejection", "exception"]) {
  test(`${behaviour}: one fatal log line with the stack, exit code 1`, async (t) => {
    const { code, out, err } = await run(t, behaviour);
    assert.equal(code, 1);
    const fatal = out.filter((line) => line.includes('"level":"fatal"'));
    assert.equal(fatal.length, 1);
    assert.match(fatal[0] ?? "", /"stack":"(Type)?Error: .*process\.ts/);
    assert.equal(`${out.join("")}${err}`.includes("0123456789abcdef"), false);
    assert.equal(err, "");
  });
}

test("once stopping, nothing is started any more, and stopping twice stops once", async () => {
  const parts = lifecycle(logger({ level: "silent", service: "test" }));
  let stopped = 0;
  await parts.start(
    "one",
    () => "part",
    () => void stopped++,
  );
  assert.deepEqual(await Promise.all([parts.stop(), parts.stop()]), [[], []]);
  assert.equal(stopped, 1);
  await assert.rejects(
    parts.start(
      "late",
      () => assert.fail("was started"),
      () => {},
    ),
    StartError,
  );
});
