import { StartError } from "@convergence/runtime/start-error.ts";

/** The bus file cannot be used as asked: `message` says why, `remedy` what to do. */
export class BusFileError extends StartError {
  override readonly name = "BusFileError";
}
