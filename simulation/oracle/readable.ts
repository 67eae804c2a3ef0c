import { decode, type Message, UnreadableRecord } from "@convergence/contracts";

/** A record's message; undefined for one that no schema reads. */
export function readable(value: Uint8Array): Message | undefined {
  try {
    return decode(value);
  } catch (error) {
    if (error instanceof UnreadableRecord) return undefined;
    throw error;
  }
}
