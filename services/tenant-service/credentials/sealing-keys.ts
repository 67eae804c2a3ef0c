import type { BusRecord, View } from "@convergence/bus/port.ts";
import { decodeAs, encode, SEALING_KEYS_TYPES, type SealingKeyAnnounced } from "@convergence/contracts";
import { newestOf } from "@convergence/keys/newest.ts";
import { KeyEncryptionError, type SealKeyPair } from "@convergence/keys/port.ts";
import { every, sleep, type Timer } from "@convergence/runtime/clock.ts";
import type { TenantServiceDeps } from "../deps.ts";

const DAY_MS = 24 * 3_600_000;
/** A key pair is followed by a new one after so long, in milliseconds. */
export const ROTATE_MS = 90 * DAY_MS;
/** One that was followed is kept for so long: longer than a command may wait on the bus, in milliseconds. */
export const KEEP_MS = 8 * DAY_MS;
const CHECK_MS = DAY_MS;
const RETRY_MS = { first: 500, last: 30_000 };

type Deps = Pick<TenantServiceDeps, "bus" | "keys" | "sealing" | "clock" | "random" | "log">;

/**
 * The key pairs that secrets are sealed to on their way here: one topic for all instances, with the private keys
 * encrypted under the key-encryption key. Any instance opens what was sealed to any of them, so it is harmless that
 * two may be made at once, and that a command waits while they change.
 */
export class SealingKeys {
  readonly #deps: Deps;
  readonly #known = new Map<string, SealingKeyAnnounced>();
  readonly #opened = new Map<string, Promise<SealKeyPair>>();
  #view: View | undefined;
  #checking: Timer | undefined;
  #stopped = false;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Reads what there is; a missing key pair is made in the background, since its keeper may be away. */
  async start(): Promise<void> {
    const options = { topics: ["sealing-keys"], from: "low" } as const;
    this.#view = await this.#deps.bus.view(options, (record) => this.#fold(record));
    await this.#view.caughtUp();
    void this.#tend();
    this.#checking = every(this.#deps.clock, CHECK_MS, () => void this.#tend());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#checking?.clear();
    await this.#view?.stop();
  }

  /** @throws KeyEncryptionError where it was sealed to another key, for another place, or the keeper is away */
  async open(keyId: string, sealed: Uint8Array, aad: string): Promise<Uint8Array> {
    if (!this.#known.has(keyId)) await this.#view?.caughtUp();
    const announced = this.#known.get(keyId);
    if (announced === undefined) throw new KeyEncryptionError("sealed to a key that is not there any more");
    const pair = await this.#pairOf(announced);
    return pair.open(sealed, aad);
  }

  #pairOf(announced: SealingKeyAnnounced): Promise<SealKeyPair> {
    const { key_id } = announced;
    const known = this.#opened.get(key_id);
    if (known !== undefined) return known;
    const opening = this.#unwrap(announced);
    this.#opened.set(key_id, opening);
    opening.catch(() => this.#opened.delete(key_id));
    return opening;
  }

  async #unwrap({ key_id, public_key, wrapped_key }: SealingKeyAnnounced): Promise<SealKeyPair> {
    const { keys, sealing } = this.#deps;
    const privateKey = await keys.decrypt(wrapped_key, wrapAad(key_id));
    return sealing.restore({ publicKey: public_key, privateKey });
  }

  async #tend(): Promise<void> {
    let pause = RETRY_MS.first;
    while (!this.#stopped) {
      try {
        await this.#makeWhatIsDue();
        return;
      } catch (error) {
        this.#deps.log.warn({ error: String(error) }, "no sealing key could be made; it is tried again");
        await sleep(this.#deps.clock, pause);
        pause = Math.min(pause * 2, RETRY_MS.last);
      }
    }
  }

  async #makeWhatIsDue(): Promise<void> {
    const { bus, clock } = this.#deps;
    const newest = newestOf(this.#known.values());
    if (newest === undefined || newest.created_at + ROTATE_MS <= clock.now()) {
      await this.#make();
      return;
    }
    if (newest.created_at + KEEP_MS > clock.now()) return;
    for (const key_id of this.#known.keys()) {
      if (key_id !== newest.key_id) await bus.append([{ topic: "sealing-keys", key: key_id, value: null }]);
    }
  }

  async #make(): Promise<void> {
    const { bus, keys, sealing, clock, random } = this.#deps;
    const key_id = random.uuid();
    const { publicKey, privateKey } = await sealing.generateKept();
    const wrapped = await keys.encrypt(privateKey, wrapAad(key_id));
    const value = encode({
      type: "SealingKeyAnnounced",
      key_id,
      public_key: Buffer.from(publicKey),
      wrapped_key: Buffer.from(wrapped),
      created_at: clock.now(),
    });
    if (!this.#stopped) await bus.append([{ topic: "sealing-keys", key: key_id, value }]);
  }

  #fold({ key, value, topic }: BusRecord): void {
    if (value === null) {
      this.#known.delete(key);
      this.#opened.delete(key);
      return;
    }
    try {
      this.#known.set(key, decodeAs(value, SEALING_KEYS_TYPES));
    } catch (error) {
      this.#deps.log.error({ topic, error: String(error) }, "unreadable record");
    }
  }
}

function wrapAad(keyId: string): string {
  return `platform|${keyId}|sealing-key`;
}
