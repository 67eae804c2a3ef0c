import type { BusRecord, View } from "@convergence/bus/port.ts";
import { type CredentialState, decode, UnreadableRecord } from "@convergence/contracts";
import { credentialAad, isCredentialType } from "@convergence/keys/credential.ts";
import { KeyEncryptionError } from "@convergence/keys/port.ts";
import type { StepRunnerDeps } from "../deps.ts";
import { StepFailed } from "../steps/step-type.ts";
import { Secret } from "./secret.ts";

/** For so long a step waits until what was set or deleted before it is known here, in milliseconds. */
const KNOWN_MS = 10_000;

/** Hands secrets to steps. */
export interface Secrets {
  /**
   * The secret that is in force under a name, decrypted for this call alone.
   * @param tenantId in lower case
   * @throws StepFailed where there is none; to be retried where the log or the key's keeper is away
   */
  secretOf(tenantId: string, name: string): Promise<Secret>;
}

/** Which credentials a tenant has in force, by name, as of a version. */
interface InForce {
  version: number;
  byName: Map<string, Pick<CredentialState, "credential_id" | "credential_type">>;
}

type Deps = Pick<StepRunnerDeps, "bus" | "keys" | "log">;

/**
 * The tenants' credentials as ciphertexts. Which of them are in force says the tenant's snapshot, by its highest version;
 * a ciphertext that an overtaken writer stored late counts for nothing. Before each use what is stored is read to its
 * end, so that a deletion holds for the next step.
 */
export class Credentials implements Secrets {
  readonly #deps: Deps;
  readonly #inForce = new Map<string, InForce>();
  readonly #ciphertexts = new Map<string, { tenantId: string; encrypted: Buffer }>();
  #view: View | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const options = { topics: ["tenants", "credentials"], from: "low" } as const;
    this.#view = await this.#deps.bus.view(options, (record) => this.#fold(record));
  }

  async stop(): Promise<void> {
    await this.#view?.stop();
  }

  async secretOf(tenantId: string, name: string): Promise<Secret> {
    await this.#readToEnd();
    const known = this.#inForce.get(tenantId)?.byName.get(name);
    if (known === undefined) throw new StepFailed(missing(name));
    const { credential_id, credential_type } = known;
    const stored = this.#ciphertexts.get(credential_id);
    if (stored === undefined || stored.tenantId !== tenantId || !isCredentialType(credential_type)) {
      throw new StepFailed(`Credential ${name} cannot be read by this runner: set it again, or upgrade.`);
    }
    return new Secret(
      credential_type,
      credential_id,
      await this.#decrypt(tenantId, name, credential_id, stored),
    );
  }

  async #decrypt(
    tenantId: string,
    name: string,
    credentialId: string,
    { encrypted }: { encrypted: Buffer },
  ): Promise<string> {
    try {
      const plain = await this.#deps.keys.decrypt(encrypted, credentialAad(tenantId, credentialId));
      const text = Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength).toString("utf8");
      plain.fill(0);
      return text;
    } catch (error) {
      if (!(error instanceof KeyEncryptionError)) throw error;
      const about = { tenant_id: tenantId, credential_id: credentialId, error: error.message };
      this.#deps.log.error(about, "a credential cannot be decrypted");
      throw new StepFailed(`Credential ${name} cannot be decrypted at the moment; nothing was done.`, true);
    }
  }

  async #readToEnd(): Promise<void> {
    const caughtUp = await this.#view?.caughtUp(KNOWN_MS).catch(() => false);
    if (caughtUp === true) return;
    throw new StepFailed("The log cannot be read, so credentials are not known; nothing was done.", true);
  }

  #fold({ topic, key, value }: BusRecord): void {
    if (value === null) {
      if (topic === "credentials") this.#ciphertexts.delete(key);
      return;
    }
    try {
      const message = decode(value);
      if (message.type === "CredentialRecord") {
        const { credential_id, tenant_id: tenantId, encrypted } = message;
        this.#ciphertexts.set(credential_id, { tenantId, encrypted });
      } else if (message.type === "TenantSnapshot") {
        this.#take(message.tenant_id, message.version, message.credentials);
      }
    } catch (error) {
      if (!(error instanceof UnreadableRecord)) throw error;
      this.#deps.log.error({ topic, error: String(error) }, "unreadable record");
    }
  }

  #take(tenantId: string, version: number, credentials: readonly CredentialState[]): void {
    const known = this.#inForce.get(tenantId);
    if (known !== undefined && known.version >= version) return;
    const active = credentials.filter(({ phase }) => phase === "ACTIVE");
    const byName = new Map(
      active.map(({ name, credential_id, credential_type }) => [name, { credential_id, credential_type }]),
    );
    this.#inForce.set(tenantId, { version, byName });
  }
}

function missing(name: string): string {
  return `Credential ${name} does not exist: set it with PUT /api/v1/customers/{tenant_id}/credentials/${name}.`;
}
