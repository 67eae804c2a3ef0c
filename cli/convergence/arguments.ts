import { type ParseArgsConfig, parseArgs } from "node:util";
import type { TemplateName } from "@convergence/pipeline";
import { didYouMean } from "@convergence/pipeline/suggest.ts";
import { UsageError } from "./command.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** A command's options and what else stands on its line. @throws UsageError */
export function parsed<O extends Options>(args: string[], options: O) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const name = /^Unknown option '--?([\w-]+)/.exec(message)?.[1];
    if (name === undefined) throw new UsageError(message);
    const near = didYouMean(name, Object.keys(options));
    throw new UsageError(`there is no option --${name}${near.replace('"', '"--')}`);
  }
}

/** The one argument of a command. @throws UsageError */
export function only(positionals: readonly string[], what: string): string {
  const [first, ...others] = positionals;
  if (first === undefined) throw new UsageError(`${what} is missing`);
  if (others.length > 0) throw new UsageError(`one ${what} at a time: "${others.join(" ")}" is too much`);
  return first;
}

/** `provider/domain/template`, also as the path of its file. @throws UsageError */
export function templateName(text: string): TemplateName {
  const [name = "", domain = "", provider = "", ...above] = text
    .replace(/\.yml$/, "")
    .split("/")
    .reverse();
  const parts = [provider, domain, name];
  const isFile = text.endsWith(".yml") || above.length === 0;
  if (!isFile || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) {
    throw new UsageError(`"${text}" is no template: write provider/domain/template`);
  }
  return { provider, domain, name };
}

/** `name=value`, each name once. @throws UsageError */
export function variablesOf(given: readonly string[]): Map<string, string> {
  const variables = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`--var ${text}: write --var name=value`);
    const name = text.slice(0, at);
    if (variables.has(name)) throw new UsageError(`--var ${name} is given twice: keep one`);
    variables.set(name, text.slice(at + 1));
  }
  return variables;
}

/** The body of a run: each variable's text as a value of its declared type, as text where it declares none. */
export function bodyOf(
  variables: ReadonlyMap<string, string>,
  parameters: readonly { name: string; type: string }[],
): Record<string, string | number | boolean> {
  const types = new Map(parameters.map(({ name, type }) => [name, type]));
  return Object.fromEntries([...variables].map(([name, text]) => [name, typedValue(text, types.get(name))]));
}

/** What does not fit stays text, so that whoever checks it says so. An int keeps its digits, however many. */
function typedValue(text: string, type: string | undefined): string | number | boolean {
  if (type === "bool" && (text === "true" || text === "false")) return text === "true";
  if (type === "float" && text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
  return text;
}
