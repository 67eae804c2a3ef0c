import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { DATA_VERSION, openDataDir } from "./data-dir.ts";
import { systemRandom } from "./random.ts";

async function scratch(t: TestContext): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "data-"));
  t.after(() => rm(made, { recursive: true, force: true }));
  return path.join(made, "deep", "data");
}

test("a data folder is made, private, with its version, and opened again", async (t) => {
  const folder = await scratch(t);
  const first = await openDataDir(folder, systemRandom);
  assert.equal(first.path, folder);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.equal(await readFile(path.join(folder, "format"), "utf8"), `convergence-data ${DATA_VERSION}\n`);
  await first.close();
  const second = await openDataDir(folder, systemRandom);
  await second.close();
});

test("a folder in use is refused, with the owner's pid", async (t) => {
  const folder = await scratch(t);
  const held = await openDataDir(folder, systemRandom);
  t.after(() => held.close());
  await assert.rejects(openDataDir(folder, systemRandom), {
    name: "StartError",
    message: `the data folder ${folder} is in use by process ${process.pid}`,
  });
});

test("a folder is held against other processes, and free once its process was killed", async (t) => {
  const folder = await scratch(t);
  const holder = spawn(
    process.execPath,
    [path.join(import.meta.dirname, "testing", "hold-data-dir.ts"), folder],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  t.after(() => holder.kill("SIGKILL"));
  await once(holder.stdout, "data");
  await assert.rejects(openDataDir(folder, systemRandom), {
    name: "StartError",
    message: new RegExp(`in use by process ${holder.pid}$`),
  });
  holder.kill("SIGKILL");
  await once(holder, "exit");
  await (await openDataDir(folder, systemRandom)).close();
});

test("data of a newer version is refused and left alone", async (t) => {
  const folder = await scratch(t);
  await (await openDataDir(folder, systemRandom)).close();
  await writeFile(path.join(folder, "format"), `convergence-data ${DATA_VERSION + 1}\n`);
  const refused = {
    name: "StartError",
    message: /holds data of a newer version \(2; this program reads 1\)/,
  };
  await assert.rejects(openDataDir(folder, systemRandom), refused);
  // The first refusal let the folder go again.
  await assert.rejects(openDataDir(folder, systemRandom), refused);
});

test("a damaged version file is refused", async (t) => {
  const folder = await scratch(t);
  await (await openDataDir(folder, systemRandom)).close();
  await writeFile(path.join(folder, "format"), "");
  await assert.rejects(openDataDir(folder, systemRandom), {
    name: "StartError",
    message: /format is damaged/,
  });
});

test("a path that cannot be a writable folder is one clear error", async (t) => {
  const folder = await scratch(t);
  await (await openDataDir(folder, systemRandom)).close();
  await assert.rejects(openDataDir(path.join(folder, "format", "below"), systemRandom), {
    name: "StartError",
    message: /cannot be written \(ENOTDIR\)/,
    remedy: /CONVERGENCE_DATA_DIR/,
  });
  await assert.rejects(openDataDir(path.join(folder, "format"), systemRandom), {
    name: "StartError",
    message: /cannot be written \(EEXIST\)/,
  });
});
