import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { filled, readFixtures } from "../corpus/fixture.ts";
import { SETUP, statement } from "./grammar.ts";
import { mutated } from "./mutate.ts";
import { Dice } from "./random.ts";
import { send, sendAll } from "./run.ts";

const CORPUS = path.join(import.meta.dirname, "../../../../shared/data/bigquery-corpus/fixtures.jsonl");

/** How many statements, and from which seed; fewer where nobody waits for all. FUZZ_STATEMENTS, FUZZ_SEED: others. */
const STATEMENTS = Number(process.env.FUZZ_STATEMENTS ?? (process.env.CI === "true" ? 20_000 : 5_000));
const SEED = Number(process.env.FUZZ_SEED ?? 1);
/** After so many statements the tables are made anew. */
const ROUND = 500;

/** An endpoint in a process of its own, so that its crash is seen; and what it printed. */
async function startEndpoint(
  t: TestContext,
): Promise<{ url: string; printed: string[]; dead: () => boolean }> {
  const program = path.join(import.meta.dirname, "../test-child.ts");
  const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  const printed: string[] = [];
  child.stderr.on("data", (data: Buffer) => printed.push(data.toString("utf8")));
  const [line] = await once(child.stdout, "data");
  return {
    url: String(line).trim(),
    printed,
    dead: () => child.exitCode !== null || child.signalCode !== null,
  };
}

/** Statements to mutate: the recorded ones where they are, else what the grammar makes. */
function seeds(dice: Dice): string[] {
  const recorded = readFixtures(CORPUS)?.map(({ query }) => filled(query, "p", "d"));
  return recorded ?? Array.from({ length: 600 }, () => statement(dice));
}

function* statements(dice: Dice, from: readonly string[], count: number): Generator<string> {
  for (let i = 0; i < count; i++)
    yield dice.chance(0.5) ? statement(dice) : mutated(dice, dice.pick(from), from);
}

test(`${STATEMENTS} random statements from seed ${SEED}: each is answered, none by a fault`, async (t) => {
  const endpoint = await startEndpoint(t);
  const dice = new Dice(SEED);
  const from = seeds(dice);
  const answers: Record<string, number> = {};
  await send(endpoint.url, "CREATE SCHEMA d");
  for (let sent = 0; sent < STATEMENTS; sent += ROUND) {
    for (const sql of SETUP) await send(endpoint.url, sql);
    const round = statements(dice, from, Math.min(ROUND, STATEMENTS - sent));
    const tally = await sendAll(endpoint.url, round, 4);
    assert.deepEqual(tally.faults, [], `seed ${SEED}, after ${sent} statements`);
    assert.deepEqual(endpoint.printed, [], `seed ${SEED}, after ${sent} statements: an internal error`);
    assert.equal(endpoint.dead(), false);
    for (const [key, n] of Object.entries(tally.answers)) answers[key] = (answers[key] ?? 0) + n;
  }
  t.diagnostic(JSON.stringify(answers));
  assert.ok((answers["200 ok"] ?? 0) > STATEMENTS / 50, "hardly any statement is right: nothing is tried");
});
