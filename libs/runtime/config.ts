import { z } from "zod";
import { StartError } from "./start-error.ts";

/** What a variable says about itself beside its type: for the faults' text and docs/CONFIGURATION.md. */
interface About {
  description: string;
  /** What the value is: a port, a path, a count, ... */
  unit: string;
  /** What a right value looks like, to follow "expected". */
  expects: string;
  /** Its value is shown nowhere. */
  secret?: boolean;
}

const about = z.registry<About>();

function text(pattern: RegExp, means: About) {
  return z.string().regex(pattern).register(about, means);
}

function whole(min: number, max: number, means: Omit<About, "expects">) {
  return z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .refine((n) => n >= min && n <= max)
    .register(about, { ...means, expects: `a whole number from ${min} to ${max}` });
}

function port(description: string) {
  return whole(0, 65_535, { description: `${description} 0 takes any free one.`, unit: "TCP port" });
}

function path(description: string) {
  return text(/^[^\0]+$/, { description, unit: "path", expects: "a path" });
}

function oneOf<const T extends [string, ...string[]]>(values: T, description: string) {
  return z
    .enum(values)
    .register(about, { description, unit: "word", expects: `one of ${values.join(", ")}` });
}

/** Every environment variable that the services read, with the defaults of the embedded mode. */
const variables = {
  PORT: port("Where the gateway listens (HTTP).").prefault("8080"),
  HOST: text(/^[A-Za-z0-9.:-]+$/, {
    description:
      "The address that the gateway and the local BigQuery listen on. Any but loopback needs ADMIN_API_KEY.",
    unit: "address",
    expects: "an IP address or a host name",
  }).prefault("127.0.0.1"),
  LOCAL_BIGQUERY_PORT: port("Where the local BigQuery listens (BigQuery's REST interface).").prefault("9050"),
  LOCAL_BIGQUERY_DATA_DIR: path(
    "For a local BigQuery as a process of its own: the folder that it keeps its data in. Unset: in memory.",
  ).optional(),
  LOCAL_BIGQUERY_MEMORY_MB: whole(128, 1_000_000, {
    description:
      "What DuckDB may use for the local BigQuery's statements and tables. Rows under way and kept results come on top.",
    unit: "MB",
  }).prefault("2048"),
  CONVERGENCE_DATA_DIR: path("Folder of all that is kept: the log, views, local BigQuery, keys.").prefault(
    ".convergence",
  ),
  CONVERGENCE_CONFIGS_DIR: path("Folder of pipeline templates and metadata schemas.").prefault("configs"),
  CONVERGENCE_INBOX: path(
    "For step-runner: the folder with a folder of each tenant's name, whose files the tenant's bigquery_load steps read. Unset: none do.",
  ).optional(),
  GCP_PROJECT_ID: text(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, {
    description: "The Google Cloud project that holds the datasets.",
    unit: "project id",
    expects: "6 to 30 of a-z, 0-9 and dash, a letter first, no dash last",
  }).prefault("gac-prod-471220"),
  BIGQUERY_LOCATION: text(/^[A-Za-z0-9-]{1,64}$/, {
    description: "The location of datasets and jobs.",
    unit: "BigQuery location",
    expects: "a BigQuery location such as US, EU or europe-west3",
  }).prefault("US"),
  GOOGLE_APPLICATION_CREDENTIALS: path(
    "The service account's key file for the real BigQuery. The embedded mode has a local one, which needs none.",
  ).optional(),
  PLATFORM_DATASET: text(/^[A-Za-z0-9_]{1,1024}$/, {
    description: "The platform's own dataset, with its tenants table.",
    unit: "dataset id",
    expects: "letters, digits and underscores",
  }).prefault("convergence_platform"),
  ADMIN_API_KEY: text(/^[\x21-\x7e]{16,256}$/, {
    description:
      "What X-Admin-Key must be for operators' requests. Unset on loopback: one is made at the first start and kept in the data folder.",
    unit: "secret",
    expects: "16 to 256 printable ASCII characters without spaces",
    secret: true,
  }).optional(),
  DEFAULT_SUBSCRIPTION_TIER: oneOf(
    ["FREE", "STARTER", "PROFESSIONAL", "ENTERPRISE"],
    "The tier that new tenants start with: what they may run a month and at once. Operators change it for each tenant.",
  ).prefault("ENTERPRISE"),
  RUNNER_SLOTS: whole(1, 10_000, {
    description: "How many steps a step-runner executes at once; most of the time they wait for BigQuery.",
    unit: "steps",
  }).prefault("64"),
  EMBEDDED_BUS_SYNCHRONOUS: oneOf(
    ["full", "normal"],
    "SQLite's synchronous of the embedded bus. full: what was accepted survives a power cut; normal: it survives a killed process, a power cut may take the last moments.",
  ).prefault("full"),
  BIGQUERY_ENDPOINT: text(/^https?:\/\/\S+$/, {
    description:
      "For services as processes of their own: a local BigQuery to use in place of Google's (`npm run local-bigquery`).",
    unit: "URL",
    expects: "a URL such as http://127.0.0.1:9050",
  }).optional(),
  KEY_RING_FILE: path(
    "For services as processes of their own: the local key ring's file, made at the first use. Unset: keys.json in the data folder.",
  ).optional(),
  KMS_KEY_NAME: text(
    /^projects\/[^/\s]+\/locations\/[^/\s]+\/keyRings\/[\w-]{1,63}\/cryptoKeys\/[\w-]{1,63}$/,
    {
      description:
        "For tenant-service as a process of its own: the Cloud KMS key that encrypts API keys, in place of a local key ring. Fixed once tenants are there.",
      unit: "resource name",
      expects: "projects/…/locations/…/keyRings/…/cryptoKeys/…",
    },
  ).optional(),
  KMS_ENDPOINT: text(/^[A-Za-z0-9.-]+:\d{1,5}$/, {
    description:
      "A server to ask in place of Cloud KMS, without TLS and without credentials: for tests, never where keys are real.",
    unit: "host:port",
    expects: "host:port",
  }).optional(),
  OPERATOR_PORT: port("For services as processes of their own: where /health and /metrics are.").prefault(
    "9100",
  ),
  KAFKA_BROKERS: text(/^[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*$/, {
    description: "For services as processes of their own: the Kafka brokers to begin with.",
    unit: "host:port, with commas",
    expects: "host:port, several with commas between",
  }).optional(),
  KAFKA_TOPIC_PREFIX: text(/^[A-Za-z0-9._-]{0,64}$/, {
    description:
      "Stands before every topic's and group's name, so that several platforms may share a cluster.",
    unit: "text",
    expects: "at most 64 letters, digits, dots, dashes and underscores",
  }).prefault(""),
  KAFKA_PARTITIONS: whole(1, 256, {
    description: "Partitions of every topic. Fixed once the topics are made.",
    unit: "partitions",
  }).prefault("12"),
  KAFKA_REPLICATION_FACTOR: whole(1, 7, {
    description: "Copies of every partition, when the topics are made.",
    unit: "brokers",
  }).prefault("1"),
  KAFKA_TLS: oneOf(["on", "off"], "Whether connections to Kafka are encrypted.").prefault("off"),
  KAFKA_SASL_MECHANISM: oneOf(
    ["plain", "scram-sha-256", "scram-sha-512"],
    "How to log in to Kafka; unset: not at all.",
  ).optional(),
  KAFKA_SASL_USERNAME: text(/^.{1,256}$/, {
    description: "Who logs in to Kafka.",
    unit: "text",
    expects: "1 to 256 characters",
  }).optional(),
  KAFKA_SASL_PASSWORD: text(/^.{1,1024}$/, {
    description: "Its password.",
    unit: "secret",
    expects: "1 to 1,024 characters",
    secret: true,
  }).optional(),
  CONVERGENCE_URL: text(/^https?:\/\/\S+$/, {
    description: "For `npm run convergence`: the gateway to speak to.",
    unit: "URL",
    expects: "a URL such as http://127.0.0.1:8080",
  }).prefault("http://127.0.0.1:8080"),
  CONVERGENCE_API_KEY: text(/^[A-Za-z0-9_]{1,256}$/, {
    description: "For `npm run convergence`: the tenant's API key.",
    unit: "secret",
    expects: "an API key as the onboarding showed it",
    secret: true,
  }).optional(),
  RATE_LIMIT_TENANT: whole(0, 1_000_000, {
    description:
      "How many requests a tenant may make, on the average, of each gateway process. 0: any number.",
    unit: "requests a second",
  }).prefault("10000"),
  RATE_LIMIT_KEY: whole(0, 1_000_000, {
    description: "How many requests may be made by one API key, likewise.",
    unit: "requests a second",
  }).prefault("5000"),
  RATE_LIMIT_BURST: whole(1, 600, {
    description: "How long a tenant or key that is silent saves up its requests, to make them at once.",
    unit: "seconds",
  }).prefault("10"),
  RATE_LIMIT_FAILURES: whole(0, 1_000_000, {
    description:
      "How many wrong keys an address may send to each gateway process. Beyond, wrong ones get 429 in place of 401, and no admin key is tried. Behind a proxy all clients have its address. 0: any number.",
    unit: "requests a minute",
  }).prefault("600"),
  LOG_LEVEL: oneOf(
    ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    "The least severe log lines to print.",
  ).prefault("warn"),
};

const configSchema = z.object(variables);

/** The configuration, by the variables' names. */
export type Config = z.output<typeof configSchema>;

type VariableName = keyof typeof variables;

/** One fault of the configuration. `value` is as given, null for a secret. */
export interface ConfigFault {
  variable: string;
  value: string | null;
  expects: string;
}

/** The environment holds values that the services cannot work with: all of them at once. */
export class ConfigError extends StartError {
  override readonly name: string = "ConfigError";
  readonly faults: ConfigFault[];
  constructor(faults: ConfigFault[]) {
    super(
      `the configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}: ${faults.map(faultText).join("; ")}`,
      "Set these environment variables so, or unset them for their defaults (docs/CONFIGURATION.md).",
    );
    this.faults = faults;
  }
}

/**
 * Reads the configuration from environment variables. An empty value counts as unset.
 * @throws ConfigError with every fault.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(names().map((name) => [name, env[name] === "" ? undefined : env[name]]));
  const result = configSchema.safeParse(given);
  const wrong = new Set(result.error?.issues.map((issue) => String(issue.path[0])));
  const faults = names()
    .filter((name) => wrong.has(name))
    .map((name) => typeFault(name, given[name] ?? ""));
  if (!result.success) throw new ConfigError(faults);
  const clashes = portClashes(result.data);
  if (clashes.length > 0) throw new ConfigError(clashes);
  return result.data;
}

function typeFault(variable: VariableName, value: string): ConfigFault {
  const { expects, secret } = aboutVariable(variable);
  return { variable, value: secret ? null : value, expects };
}

function portClashes(config: Config): ConfigFault[] {
  const ports = ["PORT", "LOCAL_BIGQUERY_PORT"] as const;
  return ports.flatMap((name, i) => {
    const value = config[name];
    const twin = ports.slice(0, i).find((other) => config[other] === value);
    if (value === undefined || value === 0 || twin === undefined) return [];
    return [{ variable: name, value: String(value), expects: `another port than ${twin}` }];
  });
}

function faultText(fault: ConfigFault): string {
  const value = fault.value === null ? " (a secret, not shown)" : `=${JSON.stringify(fault.value)}`;
  return `${fault.variable}${value}: expected ${fault.expects}`;
}

function names(): VariableName[] {
  return configSchema.keyof().options;
}

function aboutVariable(name: VariableName): About {
  const found = about.get(variables[name].unwrap());
  if (found === undefined) throw new Error(`variable ${name} is not described`);
  return found;
}

/** docs/CONFIGURATION.md, whole: made from the schema, so that it cannot differ from what is read. */
export function configMarkdown(): string {
  return `# Configuration

Convergence reads environment variables alone. The defaults are those of the embedded mode (\`npm start\`).
An empty value counts as unset. All faults are reported at once, and nothing starts.

${table(["variable", "default", "unit", "meaning"], names().map(describe))}

This page is made from \`libs/runtime/config.ts\`: \`node scripts/run.mjs libs/runtime/config-docs.ts\` writes it anew.
`;
}

/** A variable's row in the table. */
function describe(name: VariableName): string[] {
  const { description, unit, expects, secret } = aboutVariable(name);
  const fallback = variables[name].safeParse(undefined).data;
  const meaning = `${description}${secret ? " Never logged." : ""} Expected: ${expects}.`;
  return [`\`${name}\``, fallback === undefined ? "unset" : `\`${fallback}\``, unit, meaning];
}

/** Padded as the formatter pads. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
