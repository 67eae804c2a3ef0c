import { MAX_RECORD_BYTES } from "@convergence/bus/port.ts";
import type { EventMeta, Trace } from "@convergence/contracts";
import type { Input, LoggedEvent, Model, Stream } from "./model.ts";

/**
 * So many of a tenant's last commands are remembered: a copy of one of them has no second outcome. Copies come within the
 * seconds that an append may take; when brokers come back, with all that was waiting in between (chaos: 107 behind).
 */
const RECENT_COMMANDS = 1_024;
/** The most that an event may have, in bytes: its key and the bus's headers go with it. */
const MAX_EVENT_BYTES = MAX_RECORD_BYTES - 1_000;

/** A tenant's stream before its first event. */
export function emptyStream<S>(initial: S): Stream<S> {
  return { state: initial, version: 0, inputs: {}, commands: [] };
}

/** A tenant's stream behind an event that counts. */
export function foldEvent<S, E extends LoggedEvent>(
  model: Pick<Model<S, E, never, never>, "evolve" | "outcomeOf">,
  before: Stream<S>,
  event: E,
): Stream<S> {
  const { cause, version } = event.meta;
  const inputs = cause === null ? before.inputs : { ...before.inputs, [cause.topic]: cause.offset };
  const command = model.outcomeOf(event);
  const commands =
    command === null ? before.commands : [...before.commands.slice(1 - RECENT_COMMANDS), command];
  return { state: model.evolve(before.state, event), version, inputs, commands };
}

/** An event that was decided and is on its way to the log. */
export interface Pending<S, E> {
  event: E;
  bytes: Uint8Array;
  trace: Trace | null;
  /** The tenant's stream behind it. */
  after: Stream<S>;
  /** Set on an item's last event: called when it was read back. */
  settled: (() => void) | null;
}

/**
 * What a decision's facts come to as events of the log.
 * @throws Error for a fact that does not fit its schema; RangeError for one that no record can hold
 */
export function stampFacts<S, E extends LoggedEvent, F extends { type: E["type"] }, I extends Input>(
  model: Model<S, E, F, I>,
  before: Stream<S>,
  facts: readonly F[],
  { meta, trace, settled }: { meta: Omit<EventMeta, "version">; trace: Trace | null; settled: () => void },
): Pending<S, E>[] {
  let after = before;
  return facts.map((fact, index) => {
    const event = model.stamp(fact, { ...meta, version: after.version + 1 });
    const bytes = model.encode(event);
    if (bytes.length > MAX_EVENT_BYTES) {
      throw new RangeError(
        `a ${event.type} of ${bytes.length} bytes, more than ${MAX_EVENT_BYTES}: ask for less at once`,
      );
    }
    after = foldEvent(model, after, event);
    return { event, bytes, trace, after, settled: index === facts.length - 1 ? settled : null };
  });
}
