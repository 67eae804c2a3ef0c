import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { loadCatalogue } from "@convergence/pipeline";
import { type Config, listen, logger, StartError, systemClock } from "@convergence/runtime";
import { errorCode } from "@convergence/runtime/files.ts";
import { z } from "zod";
import { urlHost } from "../host.ts";
import { kafkaBus } from "../kafka-bus.ts";
import { bigQueryUrl } from "./endpoints.ts";

/** What a check found. `remedy` is empty where there is nothing to do. */
export interface Finding {
  what: string;
  state: "ok" | "warn" | "fail";
  found: string;
  remedy: string;
}

const NODE_NEEDED = 26;
const ANSWER_MS = 5_000;
const KAFKA_MS = 15_000;
/** Free space on the data folder's disk that is little, in bytes. */
const LITTLE_SPACE = 1024 ** 3;

const fine = (what: string, found: string): Finding => ({ what, state: "ok", found, remedy: "" });
const warn = (what: string, found: string, remedy: string): Finding => ({
  what,
  state: "warn",
  found,
  remedy,
});
const fail = (what: string, found: string, remedy: string): Finding => ({
  what,
  state: "fail",
  found,
  remedy,
});

export async function checkNode(): Promise<Finding> {
  const version = process.versions.node;
  if (Number(version.split(".")[0]) >= NODE_NEEDED) return fine("Node", version);
  return fail("Node", `${version} is too old`, "Start with npm run: the project brings its own Node 26.");
}

export async function checkDataFolder({ CONVERGENCE_DATA_DIR: dir }: Config): Promise<Finding> {
  const remedy = "Mend it, or set CONVERGENCE_DATA_DIR to another folder.";
  try {
    if (!(await stat(dir)).isDirectory()) return fail("data folder", `${dir} is no folder`, remedy);
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(dir);
    const free = bavail * bsize;
    const gib = (free / 1024 ** 3).toFixed(1);
    if (free < LITTLE_SPACE)
      return warn("data folder", `${dir}: only ${gib} GiB are free`, "Make room on its disk.");
    return fine("data folder", `${dir}, ${gib} GiB free`);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") return warn("data folder", `${dir} is not there`, "npm start makes it.");
    return fail("data folder", `${dir} cannot be used (${code})`, remedy);
  }
}

/** A port is free, or one of ours has it. */
export async function checkPorts(config: Config): Promise<Finding[]> {
  const { HOST, PORT, LOCAL_BIGQUERY_PORT, GCP_PROJECT_ID } = config;
  const url = (port: number) => `http://${urlHost(HOST)}:${port}`;
  const gateway = async () => (await healthOf(url(PORT))) !== null;
  const bigQuery = async () =>
    (await statusOf(datasetsUrl(url(LOCAL_BIGQUERY_PORT), GCP_PROJECT_ID))) === 200;
  return Promise.all([
    checkPort("PORT", PORT, HOST, "the gateway", gateway),
    checkPort("LOCAL_BIGQUERY_PORT", LOCAL_BIGQUERY_PORT, HOST, "the local BigQuery", bigQuery),
  ]);
}

async function checkPort(
  variable: string,
  port: number,
  host: string,
  whose: string,
  isOurs: () => Promise<boolean>,
): Promise<Finding> {
  const what = `port ${port}`;
  if (port === 0) return fine(what, `${variable}: any free one`);
  const server = createServer();
  try {
    await listen(server, host, port, variable);
    await new Promise((resolve) => server.close(resolve));
    return fine(what, `free, for ${whose}`);
  } catch (error) {
    if (await isOurs()) return fine(what, `${whose} is there`);
    if (error instanceof StartError) return fail(what, error.message, error.remedy);
    throw error;
  }
}

const health = z.object({ status: z.string(), checks: z.record(z.string(), z.string()) });

async function healthOf(url: string): Promise<z.infer<typeof health> | null> {
  const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(ANSWER_MS) })
    .then((response) => response.json())
    .catch(() => null);
  return health.safeParse(answer).data ?? null;
}

export async function checkGateway({ CONVERGENCE_URL: url }: Config): Promise<Finding> {
  const found = await healthOf(url);
  if (found === null) {
    return notThere("gateway", "CONVERGENCE_URL", `no gateway answers at ${url}`);
  }
  const wrong = Object.entries(found.checks).filter(([, state]) => state !== "ok");
  if (wrong.length === 0) return fine("gateway", `${url} is ${found.status}`);
  const named = wrong.map(([part, state]) => `${part} ${state}`).join(", ");
  const remedy = "Wait a moment; else see its log (docs/OPERATIONS.md).";
  return warn("gateway", `${url} is ${found.status}: ${named}`, remedy);
}

/** Where a variable names an address, something has to be there; else it may simply not run now. */
function notThere(what: string, variable: string, found: string): Finding {
  const named = process.env[variable] !== undefined && process.env[variable] !== "";
  const remedy = named ? `Start it, or set ${variable} to where it is.` : "Start it: npm start.";
  return (named ? fail : warn)(what, found, remedy);
}

export async function checkKey({
  CONVERGENCE_URL: url,
  CONVERGENCE_API_KEY: key,
}: Config): Promise<Finding[]> {
  if (key === undefined) return [];
  const status = await statusOf(`${url}/api/v1/pipelines/templates`, { "X-API-Key": key });
  if (status === 200) return [fine("API key", "the gateway takes it")];
  if (status === 401)
    return [fail("API key", "the gateway refuses it", "Set CONVERGENCE_API_KEY to one in force.")];
  if (status === 403) return [warn("API key", "it may not read", "Have one with the scope read issued.")];
  return [];
}

async function statusOf(url: string, headers: Record<string, string> = {}): Promise<number | null> {
  const answer = fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_MS) });
  return answer.then(
    async (response) => {
      await response.body?.cancel();
      return response.status;
    },
    () => null,
  );
}

export async function checkBigQuery(config: Config): Promise<Finding> {
  const endpoint = bigQueryUrl(config);
  const status = await statusOf(datasetsUrl(endpoint, config.GCP_PROJECT_ID));
  if (status === 200) return fine("BigQuery", `${endpoint} answers for project ${config.GCP_PROJECT_ID}`);
  const found = status === null ? `nothing answers at ${endpoint}` : `${endpoint} answers with ${status}`;
  return notThere("BigQuery", "BIGQUERY_ENDPOINT", found);
}

function datasetsUrl(endpoint: string, project: string): string {
  return `${endpoint.replace(/\/+$/, "")}/bigquery/v2/projects/${project}/datasets?maxResults=1`;
}

export async function checkTemplates({ CONVERGENCE_CONFIGS_DIR: dir }: Config): Promise<Finding> {
  const catalogue = await loadCatalogue(path.resolve(dir)).catch(() => null);
  if (catalogue === null) {
    return fail(
      "templates",
      `${dir} cannot be read`,
      "Set CONVERGENCE_CONFIGS_DIR to the folder that holds them.",
    );
  }
  const good = catalogue.list().length;
  if (catalogue.faults.length > 0) {
    const found = `${catalogue.faults.length} faults in ${dir}; ${good} templates without`;
    return fail("templates", found, `See them: npm run convergence -- validate ${dir}`);
  }
  return good === 0
    ? warn("templates", `${dir} holds none`, "They are in {provider}/{domain}/{template}.yml.")
    : fine("templates", `${good} in ${dir}, no faults`);
}

/** Logs in to Kafka and asks for a topic of the platform. */
export async function checkKafka(config: Config): Promise<Finding[]> {
  const { KAFKA_BROKERS: brokers } = config;
  if (brokers === undefined) return [];
  const log = logger({ level: "silent", service: "doctor" });
  try {
    const bus = await within(KAFKA_MS, () => kafkaBus(config, "doctor", log, { existing: true }));
    try {
      await within(KAFKA_MS, () => bus.ends("runners"));
    } finally {
      await bus.close();
    }
    return [fine("Kafka", `${brokers} answer, and have the platform's topics`)];
  } catch (error) {
    const found = `${brokers}: ${error instanceof Error ? error.message : String(error)}`;
    const remedy =
      error instanceof StartError ? error.remedy : "Start it (npm run kafka), or mend KAFKA_BROKERS.";
    return [fail("Kafka", found, remedy)];
  }
}

function within<T>(ms: number, act: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = systemClock.after(ms, () => reject(new Error(`no answer within ${ms / 1_000} s`)));
    act()
      .then(resolve, reject)
      .finally(() => timer.clear());
  });
}
