import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { readAll } from "../contract/append.ts";
import { BusFileError } from "./errors.ts";
import { busFile, openOn } from "./testing/open.ts";

const SCRIPT = path.join(import.meta.dirname, "testing", "append-process.ts");

test("kill -9 loses nothing that was acknowledged", async (t) => {
  const file = busFile(t);
  for (const wanted of [50, 20]) {
    const child = run(t, process.execPath, [SCRIPT, file]);
    const acknowledged: { i: number; offsets: number[] }[] = [];
    for await (const line of lines(child)) {
      if (line !== "open") acknowledged.push(JSON.parse(line));
      if (acknowledged.length === wanted) break;
    }
    await kill(child);
    const bus = openOn(file);
    const stored = await readAll(bus, "log");
    await bus.close();
    for (const { i, offsets } of acknowledged) {
      for (const offset of offsets) assert.equal(stored.find((r) => r.offset === offset)?.key, `k${i}`);
    }
    const offsets = stored.map(({ offset }) => offset);
    assert.deepEqual(
      offsets,
      offsets.map((_, n) => n),
      "no gap, nothing twice",
    );
    assert.equal(offsets.length % 2, 0, "an append is stored whole or not at all");
  }
});

test("a file in use is refused, and free again once its process is killed", async (t) => {
  const file = busFile(t);
  const child = run(t, process.execPath, [SCRIPT, file]);
  for await (const line of lines(child)) if (line === "open") break;
  assert.throws(
    () => openOn(file),
    (error) => error instanceof BusFileError && /in use/.test(error.message) && error.message.includes(file),
  );
  await kill(child);
  await openOn(file).close();
});

test("a full disk refuses appends; what is stored can still be read", async (t) => {
  const file = busFile(t);
  // A limit on the file's size (in 512-byte blocks) stands for the disk's end.
  const shell = ["-c", 'trap "" XFSZ; ulimit -f 4000; exec "$0" "$@"', process.execPath, SCRIPT, file];
  const child = run(t, "sh", shell);
  let acknowledged = 0;
  let refusal: { refused: string; read: number } | undefined;
  for await (const line of lines(child)) {
    if (line === "open") continue;
    const said = JSON.parse(line);
    if (said.refused) {
      refusal = said;
      break;
    }
    acknowledged += said.offsets.length;
  }
  await kill(child);
  assert.deepEqual(refusal, { refused: "BusUnavailable", read: acknowledged });
  const bus = openOn(file);
  assert.equal((await readAll(bus, "log")).length, acknowledged);
  await bus.append([{ topic: "log", key: "k", value: null }]);
  await bus.close();
});

function run(t: TestContext, command: string, args: string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

function lines(child: ChildProcess): AsyncIterable<string> {
  if (!child.stdout) throw new Error("the child's output is piped");
  return createInterface({ input: child.stdout });
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
