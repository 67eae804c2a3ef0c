/** What the tests of Dockerfile, compose files, k8s/ and monitoring/ read out of them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { configMarkdown } from "@convergence/runtime/config.ts";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { codeSpans, rows } from "./markdown.ts";

export const root = path.dirname(import.meta.dirname);

/** The four services, as cli/service.ts names them. */
export const SERVICES = ["gateway", "tenant-service", "pipeline-service", "step-runner"] as const;

/** Every variable that the program reads. */
export const VARIABLES = new Set(
  rows(configMarkdown(), "variable").flatMap(([name = ""]) => codeSpans(name)),
);

export function read(file: string): string {
  return readFileSync(path.join(root, file), "utf8");
}

/** The documents of a YAML file; a key twice, or any other fault, fails. */
export function documents(file: string): unknown[] {
  return [...parseAllDocuments(read(file), { strict: true, merge: true })].map((document) => {
    assert.ok("errors" in document, `${file} is empty`);
    assert.deepEqual([...document.errors, ...document.warnings], [], file);
    return document.toJS();
  });
}

/** The one document of a YAML file. */
export function yaml(file: string): unknown {
  const [document, ...more] = documents(file);
  assert.ok(document !== undefined && more.length === 0, file);
  return document;
}

/** The released version. */
export const { version } = z.object({ version: z.string() }).parse(JSON.parse(read("package.json")));

/** Fails with the names that the program does not read. */
export function assertVariables(names: Iterable<string>, where: string): void {
  assert.deepEqual(
    [...names].filter((name) => !VARIABLES.has(name)),
    [],
    where,
  );
}

/** A stage of the Dockerfile, with what it has from the stages below it. */
export interface Stage {
  env: Record<string, string>;
  /** Ports, in the file's order. */
  exposed: number[];
  user: string | undefined;
  volumes: string[];
  healthcheck: string | undefined;
  command: string[];
}

/** The Dockerfile's stages by name. */
export function stages(): Map<string, Stage> {
  const found = new Map<string, Stage>();
  const text = read("Dockerfile")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll("\\\n", " ");
  for (const part of text.split(/^(?=FROM )/m)) {
    const [, from = "", name = ""] = /^FROM (\S+) AS (\S+)$/m.exec(part) ?? [];
    if (name !== "") found.set(name, stage(part, found.get(from)));
  }
  return found;
}

function stage(part: string, below: Stage | undefined): Stage {
  const lines = (word: string) =>
    [...part.matchAll(new RegExp(`^${word} +(.+)$`, "gm"))].map(([, rest = ""]) => rest.trim());
  const words = (word: string) => lines(word).flatMap((line) => line.split(/\s+/));
  const set = words("ENV").map((word) => word.split("=", 2));
  const command = lines("CMD").at(-1);
  return {
    env: { ...below?.env, ...Object.fromEntries(set) },
    exposed: [...(below?.exposed ?? []), ...words("EXPOSE").map(Number)],
    user: lines("USER").at(-1) ?? below?.user,
    volumes: [...(below?.volumes ?? []), ...words("VOLUME")],
    healthcheck: lines("HEALTHCHECK").at(-1) ?? below?.healthcheck,
    command: command === undefined ? (below?.command ?? []) : z.array(z.string()).parse(JSON.parse(command)),
  };
}
