/**
 * Runs a TypeScript entry of the project on Node 26, installing what is missing first.
 * Plain JavaScript that Node 20 can run: `node scripts/run.mjs cli/start.ts [arguments]`.
 *
 * Where the current Node is new enough and everything is installed (npm puts the project's own Node first on
 * the PATH), the entry is imported in this very process, so that signals and exit codes need no forwarding.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const NODE_NEEDED = 26;
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [entry, ...args] = process.argv.slice(2);

if (Number(process.versions.node.split(".")[0]) < 20) {
  fail(
    `Node ${process.versions.node} is too old: Convergence needs Node 20 or newer to start. Install it and try again.`,
  );
}
if (entry === undefined) fail("usage: node scripts/run.mjs ENTRY [ARGUMENTS]");
if (needsInstall()) install();

if (Number(process.versions.node.split(".")[0]) >= NODE_NEEDED) {
  process.argv = [process.argv[0], path.join(root, entry), ...args];
  await import(pathToFileURL(path.join(root, entry)).href);
} else {
  respawn();
}

/** True where node_modules is absent or older than the lock file. */
function needsInstall() {
  const installed = path.join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed) || !existsSync(ownNode())) return true;
  return statSync(installed).mtimeMs < statSync(path.join(root, "package-lock.json")).mtimeMs;
}

function install() {
  console.error("Installing dependencies (npm ci) ...");
  const done = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (done.status !== 0) fail("npm ci failed: see its output above, mend it and try again.");
}

function ownNode() {
  return path.join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
}

/** Runs the entry under the project's own Node; this process only hands on signals and the exit code. */
function respawn() {
  const child = spawn(ownNode(), [path.join(root, entry), ...args], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
