import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { end, freePort } from "../process.ts";

/** ZetaSQL, Google's own GoogleSQL front end, as an npm package with its server in it (350 MB). */
const PACKAGE = "@fivetrandevelopers/zetasql";
const VERSION = "1.13.0";
const root = path.join(import.meta.dirname, "../../..");

/** A type of ZetaSQL's TypeProto. */
export interface TypeProto {
  typeKind: string;
  arrayType?: { elementType: TypeProto };
  structType?: { field: { fieldName: string; fieldType: TypeProto }[] };
}

export interface Column {
  name: string;
  type: TypeProto;
}

/** Names of tables and datasets, as a text may write them. */
export interface Catalog {
  name: string;
  table: { name: string; column: Column[] }[];
  catalog: Catalog[];
}

export interface Analyzer {
  /** What is wrong with a statement, in one line; null where it is right. */
  fault(sql: string, catalog: Catalog, parameters: Column[]): Promise<string | null>;
  close(): Promise<void>;
}

/** What of the package is used. */
interface Library {
  ZetaSQLClient: { init(port: number): void; getInstance(): Client };
}

interface Client {
  testConnection(): Promise<boolean>;
  getLanguageOptions(request: object): Promise<object>;
  analyze(request: object): Promise<object>;
}

/** Installs the analyzer (once, into node_modules/.cache) and starts it. Rejects where it cannot be had. */
export async function startAnalyzer(): Promise<Analyzer> {
  const folder = await install();
  const library: Library = createRequire(path.join(folder, "package.json"))(PACKAGE);
  const port = await freePort();
  const server = startServer(folder, port);
  library.ZetaSQLClient.init(port);
  const client = library.ZetaSQLClient.getInstance();
  if (!(await client.testConnection())) {
    await end(server, "SIGKILL");
    throw new Error("the GoogleSQL analyzer does not answer");
  }
  const languageOptions = {
    ...(await client.getLanguageOptions({ maximumFeatures: true })),
    productMode: "PRODUCT_EXTERNAL",
    // None named: every kind of statement.
    supportedStatementKinds: [],
  };
  const options = {
    languageOptions,
    parameterMode: "PARAMETER_NAMED",
    errorMessageMode: "ERROR_MESSAGE_ONE_LINE",
  };
  return {
    async fault(sqlStatement, catalog, queryParameters) {
      const simpleCatalog = { ...catalog, builtinFunctionOptions: { languageOptions } };
      try {
        await client.analyze({ options: { ...options, queryParameters }, simpleCatalog, sqlStatement });
        return null;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    async close() {
      await end(server, "SIGKILL");
    },
  };
}

async function install(): Promise<string> {
  const cache = path.join(root, "node_modules", ".cache");
  const folder = path.join(cache, `zetasql-${VERSION}`);
  if (existsSync(folder)) return folder;
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  writeFileSync(path.join(part, "package.json"), '{ "private": true }\n');
  const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save"];
  await promisify(execFile)("npm", ["install", ...options, `${PACKAGE}@${VERSION}`], { cwd: part });
  renameSync(part, folder);
  return folder;
}

function startServer(folder: string, port: number): ChildProcess {
  const suffix = `${process.arch.startsWith("arm") ? "_arm" : ""}${process.platform === "darwin" ? "" : ".so"}`;
  const program = path.join(folder, "node_modules", PACKAGE, "lib", "zetasql", `remote_server${suffix}`);
  return spawn(program, ["localhost", String(port)], { stdio: "ignore" });
}
