/**
 * `npm start`: the whole platform in one process, no account anywhere.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fatal, logger, readConfig, runUntilSignal } from "@convergence/runtime";
import { startEmbedded } from "./embedded.ts";
import { welcome } from "./welcome.ts";

const root = path.dirname(import.meta.dirname);
const { version }: { version: string } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));

function configuration() {
  try {
    return readConfig(process.env);
  } catch (error) {
    return fatal(error, logger({ level: "error", service: "start" }));
  }
}

const config = configuration();
const logOf = (service: string) => logger({ level: config.LOG_LEVEL, service });

await runUntilSignal(logOf("convergence"), async (parts) => {
  const started = await startEmbedded(config, logOf, parts, version);
  process.stdout.write(welcome(started, version));
});
