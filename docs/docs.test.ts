/** The pages of docs/ name what is there: packages, metrics, files, topics. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { openEmbeddedBus } from "@convergence/bus";
import { topicSpecs } from "@convergence/contracts";
import { systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { blocks, codeSpans, prose, rows } from "./markdown.ts";

const root = path.dirname(import.meta.dirname);
const PAGES = [
  "docs/PIPELINES.md",
  "docs/SECURITY.md",
  "docs/DEPENDENCIES.md",
  "docs/OPERATIONS.md",
  "k8s/README.md",
];

function read(file: string): string {
  return readFileSync(path.join(root, file), "utf8");
}

test("DEPENDENCIES.md has every package of every package.json, once, and no other", () => {
  const manifests = ["package.json", ...globSync("{libs,services}/*/package.json", { cwd: root })];
  assert.ok(manifests.length > 10);
  const named = manifests.flatMap((file) => {
    const {
      dependencies = {},
      devDependencies = {},
    }: Record<string, Record<string, string>> = JSON.parse(read(file));
    return [...Object.keys(dependencies), ...Object.keys(devDependencies)];
  });
  const told = rows(read("docs/DEPENDENCIES.md"), "package").map(([name]) => name);
  const needed = [...new Set(named)].filter((name) => !name.startsWith("@convergence/"));
  assert.deepEqual(told.sort(), needed.sort());
});

test("OPERATIONS.md has every metric, and no other", () => {
  const files = globSync(["services/**/*.ts", "libs/**/*.ts"], { cwd: root }).filter((file) => !isTest(file));
  const process = "convergence_build_info";
  const startsProcessMetrics = globSync("cli/*.ts", { cwd: root }).some((file) =>
    /\bprocessMetrics\(/.test(read(file)),
  );
  const registered = files
    .flatMap((file) => [...read(file).matchAll(/\.(?:counter|gauge|histogram)\(\s*"(convergence_\w+)"/g)])
    .map(([, name = ""]) => name)
    .filter((name) => name !== process || startsProcessMetrics);
  assert.ok(registered.length > 10);
  const told = rows(read("docs/OPERATIONS.md"), "metric").map(([name = ""]) => codeSpans(name)[0]);
  assert.deepEqual(told.sort(), [...new Set(registered)].sort());
});

function isTest(file: string): boolean {
  return /\.test\.ts$|\/testing\//.test(file);
}

test("files and pages that the pages name are there", () => {
  const named = PAGES.flatMap((page) => {
    const links = [...read(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, to = ""]) =>
      path.join(page, "..", to),
    );
    const spans = codeSpans(prose(read(page))).filter((span) =>
      /^(libs|services|configs|cli|docs|k8s|scripts)\/[\w./-]*$/.test(span),
    );
    return [...links, ...spans].map((file) => ({ page, file }));
  });
  assert.ok(named.length > 20);
  assert.deepEqual(
    named.filter(({ file }) => !existsSync(path.join(root, file))),
    [],
  );
});

test("sections that links point at are there", () => {
  const links = PAGES.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#:]*)#([^)]+)\)/g)].map(([, to = "", anchor = ""]) => ({
      file: to === "" ? page : path.join(page, "..", to),
      anchor,
    })),
  );
  assert.ok(links.length > 1);
  for (const { file, anchor } of links) {
    const anchors = [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));
    assert.ok(anchors.includes(anchor), `${file}#${anchor}`);
  }
});

/** A heading's anchor, as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-");
}

test("topics that the pages name are declared", () => {
  const declared = new Set(topicSpecs(1).map(({ name }) => name));
  const named = PAGES.flatMap((page) => codeSpans(prose(read(page)))).filter((span) =>
    /^(run|tenant|step)\.[a-z]+(\.dlq)?$/.test(span),
  );
  assert.ok(named.some((name) => name.endsWith(".dlq")));
  assert.deepEqual(
    named.filter((name) => !declared.has(name)),
    [],
  );
});

test("the printed command lists dead letters", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "convergence-docs-"));
  try {
    const file = path.join(folder, "bus.sqlite");
    const bus = openEmbeddedBus({ file, topics: topicSpecs(4), clock: systemClock, random: systemRandom });
    const [offset = -1] = await bus.append([
      { topic: "run.commands", key: "acmeinc_23xv2", value: Buffer.from("?") },
    ]);
    const partition = bus.partitionOf("run.commands", "acmeinc_23xv2");
    await bus.dead(
      {
        topic: "run.commands",
        partition,
        offset,
        key: "acmeinc_23xv2",
        value: Buffer.from("?"),
        headers: {},
        time: 0,
      },
      new Error("no schema reads it"),
    );
    await bus.close();
    const command = blocks(read("docs/OPERATIONS.md"))
      .find(({ section, language }) => section === "Dead letters" && language === "sh")
      ?.text.replace("node_modules/.bin/node", `"${process.execPath}"`)
      .replace(".convergence/bus.sqlite", `"${file}"`);
    const { stdout, stderr } = spawnSync("sh", ["-c", command ?? ""], { cwd: root, encoding: "utf8" });
    assert.match(
      stdout,
      new RegExp(`^run\\.commands\\.dlq ${partition} 0 \\S+Z acmeinc_23xv2 \\{.*no schema reads it`),
      stderr,
    );
    assert.equal(stdout.trim().split("\n").length, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
