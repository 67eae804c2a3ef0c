import { type Clock, sleep } from "@convergence/runtime/clock.ts";
import type { Random } from "@convergence/runtime/random.ts";
import { status } from "@grpc/grpc-js";
import { KeyEncryptionError } from "../port.ts";
import { TransferError } from "./client.ts";

/** How often and how long a request to Cloud KMS is tried. */
export interface Patience {
  attempts: number;
  /** Of one try, in milliseconds. */
  attemptMs: number;
  /** Of all tries with their pauses, in milliseconds. */
  totalMs: number;
  /** Before the second try, in milliseconds; doubled for each further one, and up to half of it taken off by chance. */
  pauseMs: number;
}

/** gRPC's codes for what may pass by itself. */
const PASSING: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.INTERNAL,
]);

/**
 * Tries until it goes well, fails for good, or the patience is used up.
 * @throws KeyEncryptionError with gRPC's code, and what to do
 */
export async function patiently<T>(
  patience: Patience,
  { clock, random }: { clock: Clock; random: Random },
  attempt: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  const { attempts, attemptMs, totalMs, pauseMs } = patience;
  const deadline = clock.now() + totalMs;
  for (let tries = 1; ; tries++) {
    const left = Math.max(1, deadline - clock.now());
    try {
      return await within(clock, left, attempt(Math.min(attemptMs, left)));
    } catch (error) {
      const pause = pauseMs * 2 ** (tries - 1) * (1 - (random.bytes(1)[0] ?? 0) / 512);
      const over = tries >= attempts || clock.now() + pause >= deadline;
      if (over || !mayPass(error)) throw refused(error, tries);
      await sleep(clock, pause);
    }
  }
}

/** gRPC bounds the request, but not the fetching of credentials before it. */
function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = clock.after(ms, () => reject(new KeyEncryptionError(`Cloud KMS: no answer in ${ms} ms`)));
  work.then(resolve, reject).finally(() => timer.clear());
  return promise;
}

function mayPass(error: unknown): boolean {
  return error instanceof TransferError || PASSING.has(codeOf(error) ?? status.OK);
}

function refused(error: unknown, tries: number): KeyEncryptionError {
  if (error instanceof KeyEncryptionError) return error;
  const code = codeOf(error);
  const name = code === undefined ? "" : `${status[code] ?? `code ${code}`}: `;
  // Google's text names the permission and the key that it is about; a request's bytes are never in it.
  const text = error instanceof Error ? detailOf(error).slice(0, 300) : "unknown error";
  return new KeyEncryptionError(
    `Cloud KMS refused after ${tries} ${tries === 1 ? "try" : "tries"}: ${name}${text}${adviceOn(code)}`,
  );
}

function adviceOn(code: number | undefined): string {
  switch (code) {
    case status.PERMISSION_DENIED:
    case status.UNAUTHENTICATED:
      return " (give this service's account roles/cloudkms.cryptoKeyEncrypterDecrypter on the key in KMS_KEY_NAME)";
    case status.NOT_FOUND:
      return " (KMS_KEY_NAME names no key)";
    case status.FAILED_PRECONDITION:
      return " (is the key's primary version enabled?)";
    default:
      return "";
  }
}

function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "number" ? error.code : undefined;
}

function detailOf(error: Error): string {
  return "details" in error && typeof error.details === "string" ? error.details : error.message;
}
