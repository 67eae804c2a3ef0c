/**
 * `npm run dlq -- list | show | replay | discard`: the dead letters on Kafka. Configured by the services' environment
 * variables. Exit codes: 0 done; 1 it could not be done; 2 not understood.
 */
import { parseArgs } from "node:util";
import { type BusRecord, BusUnavailable } from "@convergence/bus";
import type { KafkaBus } from "@convergence/bus/kafka/index.ts";
import type { Letter } from "@convergence/bus/letter-box.ts";
import { logger, readConfig, StartError, scrubText } from "@convergence/runtime";
import { idOf, placeOf, readLetters } from "./dlq/letters.ts";
import { type Done, discard, replay, whyNotReplayed } from "./dlq/settle.ts";
import { listJson, listTable, showLetter } from "./dlq/text.ts";
import { kafkaBus } from "./kafka-bus.ts";

const USAGE = `usage: npm run dlq -- list [--json]            all dead letters
       npm run dlq -- show ID                  one, with its headers and its value
       npm run dlq -- replay ID... | --all     puts them back on their topics, and notes that
       npm run dlq -- discard ID...            notes that they need nothing any more
ID is as list prints it: topic:partition:offset.`;

/** What was asked for cannot be understood. */
class UsageError extends Error {}

type Command = (bus: KafkaBus) => Promise<boolean>;

function commandOf(args: string[]): Command {
  const { values, positionals } = parsed(args);
  const [name, ...ids] = positionals;
  const { json = false, all = false } = values;
  for (const id of ids) if (!placeOf(id)) throw new UsageError(`"${id}" is no id of a dead letter`);
  if (name === "list" && ids.length === 0 && !all) return (bus) => list(bus, json);
  if (name === "show" && ids.length === 1 && !all && !json) return (bus) => show(bus, ids);
  if (name === "replay" && ids.length > 0 !== all && !json)
    return (bus) => (all ? replayAll(bus) : settle(bus, ids, replay));
  if (name === "discard" && ids.length > 0 && !all && !json) return (bus) => settle(bus, ids, discard);
  throw new UsageError(name === undefined ? "no command" : `"${args.join(" ")}" is no command`);
}

function parsed(args: string[]) {
  try {
    const options = { json: { type: "boolean" }, all: { type: "boolean" } } as const;
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function list(bus: KafkaBus, json: boolean): Promise<boolean> {
  const { box } = await readLetters(bus, () => false);
  console.log(json ? listJson(box.letters()) : listTable(box.letters()));
  return true;
}

async function show(bus: KafkaBus, ids: string[]): Promise<boolean> {
  for (const [letter, record] of await named(bus, ids)) console.log(showLetter(letter, record));
  return true;
}

async function settle(bus: KafkaBus, ids: string[], how: typeof replay): Promise<boolean> {
  const done: Done[] = [];
  for (const [letter, record] of await named(bus, ids)) done.push(told(await how(bus, letter, record)));
  return done.every(({ outcome }) => outcome !== "left");
}

/** Those that cannot be put back are told, and are no failure. */
async function replayAll(bus: KafkaBus): Promise<boolean> {
  const read = await readLetters(bus, () => true);
  const waiting = read.box.letters().filter(({ settled }) => !settled);
  const counts = { done: 0, skipped: 0, left: 0 };
  for (const letter of waiting) {
    const record = read.records.get(idOf(letter));
    const { outcome } = told(
      record
        ? await replay(bus, letter, record)
        : { outcome: "left", text: `${idOf(letter)}: ${whyNotReplayed(letter)}` },
    );
    counts[outcome]++;
  }
  console.log(`${counts.done} replayed, ${counts.left} left as they are`);
  return true;
}

function told(done: Done): Done {
  if (done.outcome === "left") console.error(`${done.text}; discard it once nothing is to be done`);
  else console.log(done.text);
  return done;
}

/**
 * The letters of these ids, each once.
 * @throws StartError unless all are there
 */
async function named(bus: KafkaBus, ids: string[]): Promise<Map<Letter, BusRecord>> {
  const read = await readLetters(bus, (id) => ids.includes(id));
  return new Map(
    ids.map((id) => {
      const place = placeOf(id);
      const letter = place ? read.box.at(place) : undefined;
      const record = place ? read.records.get(idOf(place)) : undefined;
      if (letter && record) return [letter, record];
      throw new StartError(`there is no dead letter ${id}`, "npm run dlq -- list prints all");
    }),
  );
}

function explain(error: unknown): string {
  if (error instanceof StartError) return `${error.message}. ${error.remedy}`;
  if (!(error instanceof Error)) return String(error);
  const cause =
    error.cause instanceof Error && !(error instanceof BusUnavailable) ? `: ${error.cause.message}` : "";
  const remedy = error instanceof BusUnavailable ? ". Is Kafka there, and KAFKA_BROKERS right?" : "";
  return `${error.message}${cause}${remedy}`;
}

/** Runs what the arguments ask for and gives the exit code. */
async function main(args: string[]): Promise<0 | 1 | 2> {
  let bus: KafkaBus | undefined;
  try {
    const command = commandOf(args);
    const config = readConfig(process.env);
    // Logs go beside what is printed, so that scripts can read that.
    const log = logger({
      level: config.LOG_LEVEL,
      service: "dlq",
      to: { write: (line) => process.stderr.write(line) },
    });
    bus = await kafkaBus(config, "dlq", log, { existing: true });
    return (await command(bus)) ? 0 : 1;
  } catch (error) {
    console.error(scrubText(`dlq: ${explain(error)}`));
    if (!(error instanceof UsageError)) return 1;
    console.error(USAGE);
    return 2;
  } finally {
    await bus?.close();
  }
}

// The clock's timers do not keep a process alive.
const alive = setInterval(() => {}, 2 ** 30);
process.exitCode = await main(process.argv.slice(2));
clearInterval(alive);
