import type { Owner } from "@convergence/bus/port.ts";
import { type Claimed, encode } from "@convergence/contracts";
import { sleep } from "@convergence/runtime/clock.ts";
import { RETRY_MS, type WriterDeps } from "./deps.ts";

/** The lane that claims. */
export interface Claimant {
  /** The log's name, for messages. */
  readonly logName: string;
  readonly owner: Owner | undefined;
  readonly isLost: boolean;
  /** Offset of the latest counted claim that the lane has read; -1 for none. */
  readonly latestClaim: number;
  /** No claim is on its way any more. */
  claimsStored(): void;
}

/** Sees to it that a claim of its lane counts. */
export class Claims {
  readonly #lane: Claimant;
  readonly #deps: WriterDeps;
  /** Of all claims that this lane made: a claim may be stored late, or twice. */
  readonly #nonces = new Set<string>();
  #lastNonce = "";
  /** A claim is wanted, and none of this lane's counted since. */
  #wanted = false;
  #storing = false;
  #again = false;

  constructor(lane: Claimant, deps: WriterDeps) {
    this.#lane = lane;
    this.#deps = deps;
  }

  /** True while a claim is on its way to the log: nothing else may be appended. */
  get underWay(): boolean {
    return this.#storing;
  }

  want(): void {
    this.#wanted = true;
    if (!this.#storing) void this.#claimUntilStored();
  }

  isMine({ nonce }: Claimed): boolean {
    return this.#nonces.has(nonce);
  }

  /** A claim of this lane was read, and counts. */
  counted(): void {
    this.#wanted = false;
  }

  /** A claim was read that does not count: where it is the one that is waited for, another's has to be followed. */
  notCounted({ nonce }: Claimed): void {
    // A copy of a claim that counted is void too, and harmless.
    if (!this.#wanted || nonce !== this.#lastNonce) return;
    this.#again = true;
    this.want();
  }

  /**
   * Claims under the group's present word: without the guard a paused writer and its successor claim in turn. Where
   * the outcome of an append is unknown the claim may yet count; once it does, it is not repeated, since whatever is
   * appended under the one would be void under the other.
   */
  async #claimUntilStored(): Promise<void> {
    const { owner } = this.#lane;
    this.#storing = true;
    do {
      this.#again = false;
      try {
        await owner?.guard();
        if (this.#wanted && !this.#lane.isLost) await owner?.append([this.#next()]);
      } catch (error) {
        if (this.#lane.isLost) break;
        const detail = { log: this.#lane.logName, error: String(error) };
        this.#deps.log.warn(detail, "claiming failed; it is repeated");
        await sleep(this.#deps.clock, RETRY_MS);
        this.#again = true;
      }
    } while (this.#again && this.#wanted && !this.#lane.isLost);
    this.#storing = false;
    this.#lane.claimsStored();
  }

  #next(): { key: string; value: Uint8Array } {
    const { clock, random, instance: writer } = this.#deps;
    const nonce = random.uuid();
    this.#nonces.add(nonce);
    this.#lastNonce = nonce;
    const claim: Claimed = {
      type: "Claimed",
      follows: this.#lane.latestClaim,
      nonce,
      writer,
      at: clock.now(),
    };
    return { key: "claim", value: encode(claim) };
  }
}
