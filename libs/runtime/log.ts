import pino from "pino";
import { type Clock, systemClock } from "./clock.ts";

/** A structured logger: `log.info({ run_id }, "run accepted")`. Errors go under the field `err`. */
export type Logger = pino.Logger;

export interface LogOptions {
  /** The least severe level to print: LOG_LEVEL. */
  level: string;
  /** Whose lines these are: gateway, step-runner, ... */
  service: string;
  clock?: Clock;
  /** Where the lines go; standard output when absent. */
  to?: { write(line: string): void };
}

/**
 * A logger that prints a JSON object a line: level, time (RFC 3339), service, fields, msg.
 * No secret gets through, wherever it stands: see `withoutSecrets`.
 */
export function logger({ level, service, clock = systemClock, to }: LogOptions): Logger {
  return pino(
    {
      level,
      base: { service },
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: withoutSecrets },
    },
    // Written at once: the last line before a crash is the one that is wanted.
    to ?? pino.destination({ fd: 1, sync: true }),
  );
}

/** Names of fields whose value is a secret, as the end of a name in JSON text. `api_key_id` is none. */
const SECRET_NAME =
  /(?:api[-_]?key|admin[-_]?key|authorization|cookie|passw(?:or)?d|passphrase|secret|token|private[-_]?key|plaintext)s?$/i;
const SECRET_FIELD = new RegExp(`${SECRET_NAME.source.slice(0, -1)}":`, "i");
const API_KEY = /_api_[A-Za-z0-9]{16}/g;
const BEARER = /\b(Bearer|Basic) [A-Za-z0-9._~+/-]{8,}=*/gi;

/**
 * A JSON line without secrets: the value of any field of a secret's name at any depth, and whatever in any text has
 * an API key's shape or is a bearer token. Works on the finished line, so that no way into a log goes past it.
 */
export function withoutSecrets(line: string): string {
  return scrubText(SECRET_FIELD.test(line) ? withoutSecretFields(line) : line);
}

/** Plain text without API keys and bearer tokens. */
export function scrubText(text: string): string {
  return text.replace(API_KEY, "_api_[redacted]").replace(BEARER, "$1 [redacted]");
}

function withoutSecretFields(line: string): string {
  const kept: unknown = JSON.parse(line, (name, value: unknown) =>
    SECRET_NAME.test(name) && value !== null ? "[redacted]" : value,
  );
  return `${JSON.stringify(kept)}\n`;
}
