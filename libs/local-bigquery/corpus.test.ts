import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Fixture, readFixtures } from "./corpus/fixture.ts";
import { type Outcome, replay } from "./corpus/replay.ts";
import { isObject, parseJson } from "./json.ts";
import { startKit } from "./test-kit.ts";

const CORPUS = join(import.meta.dirname, "../../../shared/data/bigquery-corpus/fixtures.jsonl");
const LIST = join(import.meta.dirname, "corpus-unsupported.json");
/** Fixtures that run at once. */
const WORKERS = 4;

/** A fixture that is not answered as recorded. `differs`: it is answered, and the recording is not to be followed. */
interface Unsupported {
  name: string;
  reason: string;
  differs: boolean;
}

function readList(): Unsupported[] {
  const list = parseJson(readFileSync(LIST, "utf8"));
  assert.ok(Array.isArray(list), "corpus-unsupported.json must be a list");
  return list.map((item) => {
    assert.ok(isObject(item) && typeof item.name === "string" && typeof item.reason === "string");
    return { name: item.name, reason: item.reason, differs: item.differs === true };
  });
}

test("the list of what is not answered names each fixture once, with a reason", () => {
  const names = readList().map((item) => item.name);
  assert.deepEqual(names, [...new Set(names)].sort(), "names must be unique and in order");
  for (const { name, reason } of readList()) {
    assert.match(name, /^[a-z_]+\/\w+$/);
    assert.ok(reason.length > 0, name);
  }
});

const fixtures = readFixtures(CORPUS);

if (fixtures === undefined) {
  test("the recorded corpus is not on this machine: only the list's form is checked", () => {
    assert.ok(readList().length > 0);
  });
} else {
  test(`${fixtures.length} recorded fixtures: right, or refused and listed`, async (t) => {
    const { client } = await startKit(t);
    const outcomes = await replayAll(fixtures, (f, i) => replay(client, f, `corpus_${i}`));
    const list = new Map(readList().map((item) => [item.name, item]));
    const faults = outcomes.flatMap((o) => fault(o, list.get(o.name)) ?? []);
    assert.deepEqual(faults, []);
    const known = new Set(outcomes.map((o) => o.name));
    assert.deepEqual(
      [...list.keys()].filter((name) => !known.has(name)),
      [],
      "listed, but no fixture",
    );
    t.diagnostic(`${outcomes.filter((o) => o.kind === "right").length} of ${outcomes.length} right`);
  });
}

function fault({ name, kind, why }: Outcome, listed: Unsupported | undefined): string | undefined {
  if (kind === "right") return listed && `${name} is right now: take it off corpus-unsupported.json`;
  if (kind === "wrong") return listed?.differs ? undefined : `${name} is wrong: ${why}`;
  return listed && !listed.differs ? undefined : `${name} is refused and not listed: ${why}`;
}

async function replayAll(
  all: Fixture[],
  run: (fixture: Fixture, index: number) => Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const queue = all.entries();
  const worker = async (): Promise<void> => {
    for (const [index, fixture] of queue) outcomes.push(await run(fixture, index));
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  return outcomes;
}
