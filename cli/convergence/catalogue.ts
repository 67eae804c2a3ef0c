import path from "node:path";
import {
  type Catalogue,
  loadCatalogue,
  showFault,
  type Template,
  type TemplateName,
} from "@convergence/pipeline";
import { didYouMean } from "@convergence/pipeline/suggest.ts";
import { CommandError } from "./command.ts";

/**
 * A template of a configs folder.
 * @throws CommandError: exit code 2 where there is none of this name, 1 where it has faults, which it names
 */
export async function templateOf(folder: string, wanted: TemplateName): Promise<Template> {
  const catalogue = await catalogueOf(folder);
  const { provider, domain, name } = wanted;
  const found = catalogue.find(provider, domain, name);
  if (found !== undefined) return found;
  const faults = catalogue.faultsOf(provider, domain, name);
  if (faults.length > 0) {
    const above = path.dirname(path.normalize(folder));
    const lines = faults.map((fault) => showFault({ ...fault, file: path.join(above, fault.file) }));
    throw new CommandError("the template has faults", "Mend them and try again.", 1, lines);
  }
  const near = didYouMean(nameOf(wanted), catalogue.list().map(nameOf));
  throw new CommandError(
    `there is no template ${nameOf(wanted)} in ${folder}${near}`,
    "`npm run convergence -- validate` reads them all; CONVERGENCE_CONFIGS_DIR names another folder.",
    2,
  );
}

async function catalogueOf(folder: string): Promise<Catalogue> {
  try {
    return await loadCatalogue(path.resolve(folder));
  } catch {
    const remedy = "Set CONVERGENCE_CONFIGS_DIR to the folder that holds {provider}/{domain}/{template}.yml.";
    throw new CommandError(`the folder ${folder} cannot be read`, remedy, 2);
  }
}

function nameOf({ provider, domain, name }: TemplateName): string {
  return `${provider}/${domain}/${name}`;
}
