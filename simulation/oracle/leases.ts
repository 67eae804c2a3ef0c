import type { BusRecord } from "@convergence/bus/port.ts";
import type { Message } from "@convergence/contracts";
import type { RunEvent } from "@convergence/run";

interface LeasesDeps {
  now(): number;
  violation(what: string): void;
  askedOf(instance: string, lane: string): readonly { topic: string; at: number; end: number }[] | null;
  leaseMs: number;
}

/** A process may be frozen for so long between asking for an end and judging by it, in milliseconds. */
const ASKED_WITHIN_MS = 40_000;

/**
 * A lease is judged only after step.results was read past an end that was asked for after it ran out: no result of
 * that attempt that is younger than a term may lie below that end.
 */
export class LeaseRule {
  readonly #deps: LeasesDeps;
  /** The last result of each attempt. */
  readonly #results = new Map<string, { offset: number; time: number }>();

  constructor(deps: LeasesDeps) {
    this.#deps = deps;
  }

  result({ offset, time }: BusRecord, message: Message): void {
    if (!("run_id" in message && "attempt" in message && "index" in message)) return;
    this.#results.set(`${message.run_id}/${message.index}/${message.attempt}`, { offset, time });
  }

  /** `writer` is the instance whose claim counts. */
  reissued(event: Extract<RunEvent, { type: "StepReissued" }>, writer: string, partition: number): void {
    if (!event.reason.includes("lease")) return;
    const { now, violation, askedOf, leaseMs } = this.#deps;
    const asked = askedOf(writer, `pipeline-service/${partition}`);
    if (asked === null) return;
    const ends = asked
      .filter(({ topic, at }) => topic === "step.results" && at > now() - ASKED_WITHIN_MS)
      .map(({ end }) => end);
    const what = `the lease of step ${event.step.index} of run ${event.step.run_id}, attempt ${event.attempt - 1},`;
    if (ends.length === 0) {
      violation(`${what} is judged before the end of step.results was asked for`);
      return;
    }
    const last = this.#results.get(`${event.step.run_id}/${event.step.index}/${event.attempt - 1}`);
    if (last !== undefined && last.time > now() - leaseMs && last.offset < Math.min(...ends)) {
      violation(
        `${what} is judged though a result of it was stored ${now() - last.time} ms ago, and not read`,
      );
    }
  }
}
