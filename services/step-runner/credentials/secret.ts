import { inspect } from "node:util";
import type { CredentialType } from "@convergence/keys/credential.ts";

/** A secret in the clear, for one step: wherever it is printed, logged or put into JSON, it shows as [secret]. */
export class Secret {
  readonly type: CredentialType;
  /** Which version of the credential it is: each time it is set, another. */
  readonly credentialId: string;
  readonly #value: string;

  constructor(type: CredentialType, credentialId: string, value: string) {
    this.type = type;
    this.credentialId = credentialId;
    this.#value = value;
  }

  /** The secret itself: not to be kept, and in no error. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}
