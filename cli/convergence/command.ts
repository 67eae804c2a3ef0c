import type { Config } from "@convergence/runtime";

/** 0: done, and all is well; 1: done, and it is not; 2: not understood, or refused. */
export type ExitCode = 0 | 1 | 2;

/** Where a command prints. */
export interface Terminal {
  /** A line of the result. */
  print(line: string): void;
  /** A line beside the result, on standard error. */
  note(line: string): void;
}

/** What a command works with. */
export interface World extends Terminal {
  config: Config;
  /** Of this very command: exits when the user interrupts it. */
  interrupted: AbortSignal;
}

export interface Command {
  /** One line, for the list of commands. */
  summary: string;
  /** What `--help` prints. */
  help: string;
  run(args: string[], world: World): Promise<ExitCode>;
}

/** What was asked for cannot be understood: exit code 2, with the command's help. */
export class UsageError extends Error {}

/** It cannot be done for a reason that the user can mend: one line, without a stack, below the details if any. */
export class CommandError extends Error {
  readonly remedy: string;
  readonly exitCode: ExitCode;
  readonly details: readonly string[];
  constructor(message: string, remedy: string, exitCode: ExitCode = 1, details: readonly string[] = []) {
    super(message);
    this.remedy = remedy;
    this.exitCode = exitCode;
    this.details = details;
  }
}
