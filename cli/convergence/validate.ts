import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Fault, loadCatalogue, showFault } from "@convergence/pipeline";
import { only, parsed } from "./arguments.ts";
import { type Command, CommandError, type World } from "./command.ts";

const HELP = `usage: npm run convergence -- validate [FOLDER] [--json]

Checks every template of a folder (configs, unless CONVERGENCE_CONFIGS_DIR or FOLDER names another) and prints all
faults at once as file:line:column: message. Nothing has to run for it.

  --json   prints {"templates", "faults": [{file, line, column, path, message}]}

Exit codes: 0 no faults; 1 faults; 2 not understood, or no such folder.`;

export const validate: Command = {
  summary: "checks templates: every fault with file, line and column",
  help: HELP,
  async run(args, world) {
    const { values, positionals } = parsed(args, { json: { type: "boolean", default: false } });
    const folder =
      positionals.length === 0 ? world.config.CONVERGENCE_CONFIGS_DIR : only(positionals, "folder");
    const { templates, faults } = await check(folder, world.config.GCP_PROJECT_ID);
    if (values.json) world.print(JSON.stringify({ templates, faults }, null, 2));
    else tell(templates, faults, folder, world);
    return faults.length > 0 ? 1 : 0;
  },
};

interface Checked {
  /** How many have no fault. */
  templates: number;
  faults: Fault[];
}

async function check(folder: string, project: string): Promise<Checked> {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new CommandError(
      `there is no folder ${folder}`,
      "Name the folder that holds {provider}/{domain}/{template}.yml.",
      2,
    );
  }
  const catalogue = await loadCatalogue(path.resolve(folder));
  const above = path.dirname(path.normalize(folder));
  // Loaded where it is needed: the parser behind it takes some 160 MB.
  const { queryFaults } = await import("@convergence/pipeline/isolation/query-faults.ts");
  const faults = [...catalogue.faults];
  for (const template of catalogue.list()) {
    const text = await readFile(path.resolve(above, template.file), "utf8");
    faults.push(...queryFaults(template, text, project));
  }
  const broken = new Set(faults.map(({ file }) => file));
  return {
    templates: catalogue.list().filter(({ file }) => !broken.has(file)).length,
    faults: faults.map((fault) => ({ ...fault, file: path.join(above, fault.file) })),
  };
}

function tell(good: number, faults: readonly Fault[], folder: string, { print }: World): void {
  for (const fault of faults) print(showFault(fault));
  const files = new Set(faults.map(({ file }) => file)).size;
  if (good + files === 0)
    print(`${folder} holds no templates: they are in {provider}/{domain}/{template}.yml.`);
  else if (faults.length === 0) print(`${count(good, "template")}, no faults.`);
  else
    print(`${count(faults.length, "fault")} in ${count(files, "file")}; ${count(good, "template")} without.`);
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
