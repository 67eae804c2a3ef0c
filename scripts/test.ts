/**
 * `npm test`: types, lint, then every test suite. `npm test -- libs/bus` runs the suites below a folder alone.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import path from "node:path";

const root = path.dirname(import.meta.dirname);
const folders = process.argv.slice(2);

/** Suites that load the machine for long: they run last, one at a time, so that no test's deadline suffers. */
const HEAVY = ["simulation/", "cli/", "services/step-runner/projection/requests.test.ts"];
/** The black box: minutes of faults on real processes. */
const CHAOS = ["chaos/chaos.test.ts"];
/** Suites that start a Kafka broker. */
const KAFKA = ["libs/bus/kafka/"];

function run(title: string, command: string, args: string[]): void {
  const begun = Date.now();
  console.log(`\n== ${title}`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) {
    console.error(`== ${title} failed`);
    process.exit(1);
  }
  console.log(`== ${title}: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
}

function bin(name: string): string {
  return path.join(root, "node_modules", ".bin", name);
}

function suites(title: string, files: string[], concurrency: number): void {
  if (files.length === 0) return;
  const reporter = path.join(root, "scripts", "reporter.ts");
  const options = ["--test", `--test-reporter=${reporter}`, `--test-concurrency=${concurrency}`];
  run(title, process.execPath, [...options, ...files]);
}

const all = globSync(folders.length > 0 ? folders.map((f) => `${f}/**/*.test.ts`) : "**/*.test.ts", {
  cwd: root,
  exclude: (name) => name.includes("node_modules"),
}).sort();
if (all.length === 0) {
  console.error("no test suites there");
  process.exit(1);
}
if (folders.length === 0) {
  run("types", bin("tsc"), ["--noEmit"]);
  run("lint", bin("biome"), ["check", "--error-on-warnings", "."]);
}
const among = (folders: string[]) => (file: string) => folders.some((folder) => file.startsWith(folder));
suites(
  "suites",
  all.filter((file) => !among([...HEAVY, ...KAFKA, ...CHAOS])(file)),
  2,
);
suites("Kafka suites", all.filter(among(KAFKA)), 2);
suites("whole-system suites", all.filter(among(HEAVY)), 1);
suites("chaos", all.filter(among(CHAOS)), 1);
