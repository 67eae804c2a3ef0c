import { type Logger, scrubText } from "./log.ts";
import { StartError } from "./start-error.ts";

/** The parts of a process: started one after another, stopped in reverse. */
export interface Lifecycle {
  /**
   * Starts a part and keeps how to stop it.
   * @throws what `start` throws; StartError when the process is stopping already.
   */
  start<T>(name: string, start: () => Promise<T> | T, stop: (part: T) => Promise<void> | void): Promise<T>;
  /**
   * Stops what was started, the last first; a part that fails to stop does not keep the others from it.
   * Idempotent: repeated calls give the same promise. Resolves with the names of the parts that failed.
   */
  stop(): Promise<string[]>;
}

/** An empty lifecycle. Errors of stopping go to `log`. */
export function lifecycle(log: Logger): Lifecycle {
  const parts: { name: string; stop: () => Promise<void> | void }[] = [];
  let stopping: Promise<string[]> | null = null;

  async function stopAll(): Promise<string[]> {
    const failed: string[] = [];
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      try {
        await part.stop();
        log.debug({ part: part.name }, "stopped");
      } catch (err) {
        failed.push(part.name);
        log.error({ err, part: part.name }, "did not stop cleanly");
      }
    }
    return failed;
  }

  return {
    async start(name, start, stop) {
      if (stopping !== null)
        throw new StartError(`${name} not started: the process is stopping`, "Start it again.");
      const part = await start();
      parts.push({ name, stop: () => stop(part) });
      log.debug({ part: name }, "started");
      return part;
    },
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
  };
}

/**
 * Runs a process: `main` starts its parts on the lifecycle, then it goes on until SIGINT or SIGTERM, which stop the
 * parts in reverse. Exit codes: 0 stopped cleanly; 1 a failed start, a fault, or parts that did not stop in time;
 * 128 + n on a second signal, at once.
 * @param stopWithinMs how long stopping may take in all, in milliseconds.
 */
export async function runUntilSignal(
  log: Logger,
  main: (parts: Lifecycle) => Promise<void>,
  stopWithinMs = 10_000,
): Promise<void> {
  const parts = lifecycle(log);
  // Neither a signal handler nor the handed-in clock's timers keep a process alive.
  setInterval(() => {}, 2 ** 30);
  process.on("unhandledRejection", (reason) => fatal(reason, log));
  process.on("uncaughtException", (error) => fatal(error, log));
  const stop = async (code: number) => {
    setTimeout(() => {
      log.fatal({ stopWithinMs }, "parts did not stop in time");
      process.exit(1);
    }, stopWithinMs);
    const failed = await parts.stop();
    process.exit(failed.length > 0 ? 1 : code);
  };
  onSignals(log, () => stop(0));
  try {
    await main(parts);
  } catch (error) {
    report(error, log);
    await stop(1);
  }
}

function onSignals(log: Logger, stop: () => void): void {
  let signals = 0;
  const numbers = { SIGINT: 2, SIGTERM: 15 };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(128 + numbers[signal]);
      log.info({ signal }, "stopping; once more ends it at once");
      stop();
    });
  }
}

/** Reports an error that the process cannot go on after, and exits with 1. */
export function fatal(error: unknown, log: Logger): never {
  report(error, log);
  process.exit(1);
}

/** One line: what an operator can mend as plain text on standard error, anything else as a log line with its stack. */
function report(error: unknown, log: Logger): void {
  if (error instanceof StartError) {
    process.stderr.write(
      `${scrubText(`convergence: ${error.message}. ${error.remedy}`.replaceAll("\n", " "))}\n`,
    );
  } else {
    log.fatal({ err: error instanceof Error ? error : new Error(String(error)) }, "fatal");
  }
}
