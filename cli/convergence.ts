/**
 * `npm run convergence -- COMMAND`: what authors of templates use. Configured by the services' environment variables.
 * Exit codes: 0 done, and all is well; 1 done, and it is not; 2 not understood, or refused.
 */

import { didYouMean } from "@convergence/pipeline/suggest.ts";
import { type Config, readConfig, StartError, scrubText } from "@convergence/runtime";
import { type Command, CommandError, type ExitCode, UsageError, type World } from "./convergence/command.ts";
import { doctor } from "./convergence/doctor.ts";
import { plan } from "./convergence/plan.ts";
import { query } from "./convergence/query.ts";
import { run } from "./convergence/run.ts";
import { validate } from "./convergence/validate.ts";

const COMMANDS: Readonly<Record<string, Command>> = { validate, plan, run, query, doctor };

function usage(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `usage: npm run convergence -- COMMAND [ARGUMENTS]

${lines.join("\n")}

npm run convergence -- COMMAND --help tells more of one.`;
}

/** Runs what the arguments ask for and gives the exit code. */
async function main([name, ...args]: string[]): Promise<ExitCode> {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    (name === undefined ? console.error : console.log)(usage());
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const near = didYouMean(name, Object.keys(COMMANDS));
    console.error(`convergence: there is no command "${name}"${near}\n${usage()}`);
    return 2;
  }
  if (args.includes("--help") || args.includes("-h")) {
    console.log(command.help);
    return 0;
  }
  try {
    return await command.run(args, world(readConfig(process.env)));
  } catch (error) {
    if (error instanceof CommandError) for (const line of error.details) console.error(scrubText(line));
    console.error(scrubText(`convergence ${name}: ${explain(error)}`));
    if (error instanceof UsageError) console.error(command.help);
    return error instanceof UsageError ? 2 : error instanceof CommandError ? error.exitCode : 1;
  }
}

function world(config: Config): World {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  return {
    config,
    interrupted: stop.signal,
    print: (line) => console.log(scrubText(line)),
    note: (line) => console.error(scrubText(line)),
  };
}

function explain(error: unknown): string {
  if (error instanceof CommandError || error instanceof StartError)
    return `${error.message}. ${error.remedy}`;
  return error instanceof Error ? error.message : String(error);
}

// The clock's timers do not keep a process alive.
const alive = setInterval(() => {}, 2 ** 30);
process.exitCode = await main(process.argv.slice(2));
clearInterval(alive);
