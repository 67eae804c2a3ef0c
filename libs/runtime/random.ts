import { randomBytes, randomUUID } from "node:crypto";

/** Randomness, handed in, so that the simulator can replay it from a seed. */
export interface Random {
  /** `n` random bytes. */
  bytes(n: number): Uint8Array;
  /** A random UUID, version 4, lower case. */
  uuid(): string;
}

/** The machine's cryptographic randomness. */
export const systemRandom: Random = {
  bytes: (n) => randomBytes(n),
  uuid: () => randomUUID(),
};
