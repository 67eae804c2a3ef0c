import type { BusRecord } from "@convergence/bus";
import { type Origin, original, type Settlement, settlementNote } from "@convergence/bus/dead-letter.ts";
import type { KafkaBus } from "@convergence/bus/kafka/index.ts";
import type { Letter } from "@convergence/bus/letter-box.ts";
import type { Topic } from "@convergence/contracts";
import { idOf } from "./letters.ts";
import { printable } from "./text.ts";

/**
 * The topics whose records ask for something: these may be put back. A log is written by its owner alone, under its
 * claims, so that what is put back there would not count; an old record of a compacted topic would hide a newer one.
 */
const REPLAYED = [
  "tenant.commands",
  "run.commands",
  "step.tasks",
  "step.results",
] as const satisfies readonly Topic[];

/** What was done with a letter, in words. */
export interface Done {
  /** done; skipped: nothing was to be done; left: it cannot be done. */
  outcome: "done" | "skipped" | "left";
  text: string;
}

/** Why a letter cannot be put back on its topic; null where it can. */
export function whyNotReplayed({ origin }: Letter): string | null {
  if (!origin) return "it does not say where it comes from, so there is no way back";
  if (REPLAYED.some((topic) => topic === origin.topic)) return null;
  return `${origin.topic} is written by its owner alone: put back there, it would not count or would hide what is newer`;
}

/**
 * Puts a letter's record back on its topic and partition, with its bytes, key and headers, and notes that.
 * @throws Error that says what was stored and what not
 */
export async function replay(bus: KafkaBus, letter: Letter, record: BusRecord): Promise<Done> {
  const { origin } = letter;
  const reason = whyNotReplayed(letter);
  if (letter.settled) return alreadySettled(letter);
  if (!origin || reason !== null) return { outcome: "left", text: `${idOf(letter)}: ${reason}` };
  const [offset = -1] = await bus.append([original(record, origin)]).catch((cause: unknown) => {
    throw new Error(`${idOf(letter)}: it may have been put back or not, and is not noted; replay it again`, {
      cause,
    });
  });
  const place = `${origin.topic}:${origin.partition}:${offset}`;
  await note(bus, record, origin, { how: "replayed", offset }, `was put back as ${place}`);
  const bytes = record.value?.byteLength ?? 0;
  const text = `${idOf(letter)}: put back as ${place} (key ${printable(record.key)}, ${bytes} bytes), noted as replayed`;
  return { outcome: "done", text };
}

/** Notes that a letter needs nothing any more. */
export async function discard(bus: KafkaBus, letter: Letter, record: BusRecord): Promise<Done> {
  if (letter.settled) return alreadySettled(letter);
  const { origin } = letter;
  if (!origin) return { outcome: "left", text: `${idOf(letter)}: ${whyNotReplayed(letter)}` };
  await note(bus, record, origin, { how: "discarded" }, "is as it was");
  return { outcome: "done", text: `${idOf(letter)}: noted as discarded; it stays to be looked at` };
}

async function note(
  bus: KafkaBus,
  record: BusRecord,
  origin: Origin,
  settlement: Settlement,
  done: string,
): Promise<void> {
  await bus.append([settlementNote(record, origin, settlement)]).catch((cause: unknown) => {
    throw new Error(`${idOf(record)}: it ${done}, but that could not be noted: list may show it as waiting`, {
      cause,
    });
  });
}

function alreadySettled({ settled, ...letter }: Letter): Done {
  const when = new Date(settled?.time ?? 0).toISOString();
  const text = `${idOf(letter)}: was ${settled?.settlement.how} at ${when}, nothing done`;
  return { outcome: "skipped", text };
}
