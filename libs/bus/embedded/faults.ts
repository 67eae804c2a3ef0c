import type { OutRecord } from "../port.ts";

/**
 * - fail: nothing is stored, the append rejects.
 * - fail-but-stored: all is stored, the append rejects.
 * - store-twice: all is stored, then all again; the append resolves with the second offsets.
 */
export type AppendFault = "ok" | "fail" | "fail-but-stored" | "store-twice";

/** What the simulator may do to a bus. Each hook is asked as things happen, so it decides from its own seed. */
export interface BusFaults {
  /** Asked once for each append, whoever makes it (owners and dead letters too). */
  beforeAppend?(records: readonly OutRecord[], member: string): AppendFault;
  /** Milliseconds from the asking to the storing. Appends that are not awaited may overtake one another. */
  appendDelayMs?(member: string): number;
  /** Milliseconds from the storing to the answer. */
  ackDelayMs?(member: string): number;
  /**
   * Milliseconds by which a reader's next delivery is late. Readers are named `view:<member>:<topics>`,
   * `own:<group>:<member>:<partition>` and `work:<group>:<member>`.
   */
  deliveryDelayMs?(reader: string): number;
  /** While true, this member's appends, guards and questions reject with BusUnavailable. */
  unreachable?(member: string): boolean;
}
