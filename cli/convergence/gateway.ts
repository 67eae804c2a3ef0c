import { parseApiKey } from "@convergence/keys/api-key.ts";
import { type Config, sleep, systemClock } from "@convergence/runtime";
import { z } from "zod";
import { CommandError } from "./command.ts";

/** How often a request is repeated that met nobody, or 503; and the pause before, in milliseconds. */
const TRIES = 5;
const PAUSE_MS = 1_000;
const ANSWER_MS = 30_000;

const problem = z.object({
  detail: z.string(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).default([]),
});

/** A tenant's client of the gateway. */
export interface GatewayClient {
  url: string;
  tenant: string;
  /** The answer's JSON. Repeats what may succeed when repeated. @throws CommandError, exit code 2, for a refusal. */
  ask(path: string, init?: { body: object; idempotencyKey: string }): Promise<unknown>;
  /** The answer as it comes, whatever its status. @throws TypeError where nobody answers */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
}

/** @throws CommandError where CONVERGENCE_API_KEY is not set, or is no key */
export function gatewayClient({ CONVERGENCE_URL: url, CONVERGENCE_API_KEY: key }: Config): GatewayClient {
  if (key === undefined) {
    const remedy = "Set it to the tenant's API key, as the onboarding showed it.";
    throw new CommandError("CONVERGENCE_API_KEY is not set", remedy, 2);
  }
  const tenant = parseApiKey(key)?.tenantId;
  if (tenant === undefined) {
    throw new CommandError(
      "CONVERGENCE_API_KEY is no API key",
      "It is {tenant_id}_api_ and 16 characters.",
      2,
    );
  }
  const base = url.replace(/\/+$/, "");
  const headers = { "X-API-Key": key };
  return {
    url,
    tenant,
    open: (path, more, signal) => fetch(`${base}${path}`, { headers: { ...headers, ...more }, signal }),
    async ask(path, init) {
      const post = init && {
        method: "POST",
        body: JSON.stringify(init.body),
        headers: { ...headers, "Content-Type": "application/json", "Idempotency-Key": init.idempotencyKey },
      };
      const response = await answer(url, () =>
        fetch(`${base}${path}`, { headers, signal: AbortSignal.timeout(ANSWER_MS), ...post }),
      );
      const text = await response.text();
      if (!response.ok) throw refused(response.status, text);
      return JSON.parse(text);
    },
  };
}

async function answer(url: string, request: () => Promise<Response>): Promise<Response> {
  for (let tries = 1; ; tries++) {
    const response = await request().catch(() => null);
    if (response !== null && (response.status !== 503 || tries === TRIES)) return response;
    if (tries === TRIES) throw notThere(url);
    await sleep(systemClock, PAUSE_MS);
  }
}

export function notThere(url: string): CommandError {
  return new CommandError(
    `no gateway answers at ${url}`,
    "Start it (npm start), or set CONVERGENCE_URL to where it is.",
    2,
  );
}

/** A refusal, as the gateway words it. */
export function refused(status: number, text: string): CommandError {
  const read = problem.safeParse(jsonOf(text));
  if (!read.success) {
    return new CommandError(
      `the gateway answered ${status}`,
      "Is CONVERGENCE_URL a Convergence gateway's?",
      2,
    );
  }
  const { detail, errors } = read.data;
  const named = errors.filter(({ field, message }) => !detail.includes(`${field}: ${message}`));
  const all = named.map(({ field, message }) => `${field}: ${message}`).join("; ");
  return new CommandError(`refused (${status}): ${detail}`, all, 2);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
