/**
 * A start that cannot go on for a reason that the operator can mend: printed as one line, without a stack.
 * The message says what is wrong, `remedy` what to do about it; neither holds a secret.
 */
export class StartError extends Error {
  override readonly name: string = "StartError";
  readonly remedy: string;
  constructor(message: string, remedy: string, cause?: unknown) {
    super(message, { cause });
    this.remedy = remedy;
  }
}
