import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { range, text, textOf, topic } from "../contract/harness.ts";
import { own, ownership } from "../contract/lane-recorder.ts";
import { startBroker } from "./testing/broker.ts";
import { LIMITS, openOn, until } from "./testing/harness.ts";

const SESSION_MS = 1_500;
const PARTITIONS = 4;
const limits = { ...LIMITS, sessionTimeoutMs: SESSION_MS };

const broker = await startBroker();
after(() => broker.dispose());

/** What owner-process.ts prints. */
interface Said {
  caughtUp?: number;
  lost?: number;
  guard?: number;
  lane: number;
  folded?: string[];
  held?: boolean;
  error?: string;
}

function ownerProcess(argument: object): { child: ChildProcess; said: Said[] } {
  const file = path.join(import.meta.dirname, "testing", "owner-process.ts");
  const child = spawn(process.execPath, [file, JSON.stringify(argument)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const said: Said[] = [];
  createInterface({ input: child.stdout ?? process.stdin }).on("line", (line) => said.push(JSON.parse(line)));
  return { child, said };
}

test("an owner that was frozen past its session holds nothing, and begins anew behind its successor", async (t) => {
  const topics = ownership(PARTITIONS);
  const { group, inputs, log, snapshots, specs } = topics;
  const bus = await openOn(broker.address, specs, { limits });
  t.after(() => bus.close());
  const options = { group, inputs, log, snapshots, member: "frozen" };
  const { child, said } = ownerProcess({ address: broker.address, topics: specs, options, limits });
  t.after(() => child.kill("SIGKILL"));
  const count = (what: "caughtUp" | "lost" | "guard") => said.filter((one) => one[what] !== undefined).length;
  await until("the process owns all", () => count("caughtUp") === PARTITIONS);
  child.stdin?.write("guard\n");
  await until("its guards hold", () => count("guard") === PARTITIONS);
  assert.ok(said.every(({ held }) => held !== false));

  child.kill("SIGSTOP");
  const successor = await own(bus, topics, "successor");
  await until("the successor owns all", () => range(PARTITIONS, (p) => successor.ready(p)).every(Boolean));
  for (const p of range(PARTITIONS, (i) => i)) {
    const owner = successor.ready(p)?.owner;
    await owner?.guard();
    await owner?.append([{ key: "claim", value: Buffer.from("successor's claim") }]);
  }
  // It asks as soon as it goes on, before a heartbeat could tell it.
  child.stdin?.write("guard\n");
  child.kill("SIGCONT");

  await until("its old guards are answered", () => count("guard") >= 2 * PARTITIONS);
  const answers = said
    .filter(({ guard, lane }) => guard !== undefined && lane < PARTITIONS)
    .slice(PARTITIONS);
  assert.deepEqual(new Set(answers.map(({ error }) => error)), new Set(["LaneLost"]));
  await until("all its old lanes are lost", () => count("lost") >= PARTITIONS);
  await until("it has half of the lanes anew", () => {
    const lost = new Set(said.filter((one) => one.lost !== undefined).map(({ lane }) => lane));
    return said.filter((one) => one.caughtUp !== undefined && !lost.has(one.lane)).length === PARTITIONS / 2;
  });
  const anew = said.filter(({ caughtUp, lane }) => caughtUp !== undefined && lane >= PARTITIONS);
  for (const { folded } of anew) assert.deepEqual(folded, ["successor's claim"]);
  await successor.running.stop();
});

test("a killed owner's lanes are another's within its session", async (t) => {
  const topics = ownership(PARTITIONS);
  const { group, inputs, log, snapshots, specs } = topics;
  const bus = await openOn(broker.address, specs, { limits });
  t.after(() => bus.close());
  const options = { group, inputs, log, snapshots, member: "killed" };
  const { child, said } = ownerProcess({ address: broker.address, topics: specs, options, limits });
  t.after(() => child.kill("SIGKILL"));
  await until(
    "the process owns all",
    () => said.filter((one) => one.caughtUp !== undefined).length === PARTITIONS,
  );
  const other = await own(bus, topics, "other");
  await until(
    "they share",
    () => other.held().size === PARTITIONS / 2 && !!other.ready([...other.held().keys()][0] ?? 0),
  );
  child.kill("SIGKILL");
  const begun = performance.now();
  await until("the other has all", () => range(PARTITIONS, (p) => other.ready(p)).every(Boolean));
  t.diagnostic(
    `taken over ${Math.round(performance.now() - begun)} ms after SIGKILL, session ${SESSION_MS} ms`,
  );
});

test("what is done at once is taken once, while workers come and go under load", async (t) => {
  const tasks = topic("tasks", 6);
  const bus = await openOn(broker.address, [tasks], { limits });
  t.after(() => bus.close());
  const takes = new Map<string, number>();
  const join = (member: string) =>
    bus.work({ group: `${tasks.name}-workers`, topic: tasks.name, member, assigned() {} }, (record, done) => {
      takes.set(textOf(record), (takes.get(textOf(record)) ?? 0) + 1);
      done();
    });
  const members = [await join("m0")];
  let sent = 0;
  let loading = true;
  const load = (async () => {
    while (loading) {
      await bus.append(range(5, (i) => text(tasks.name, `k${sent + i}`, String(sent + i))));
      sent += 5;
    }
  })();
  const more = async () => {
    const seen = sent;
    await until("more was sent and taken", () => sent >= seen + 200 && takes.size >= seen + 200);
  };
  await more();
  for (const member of ["m1", "m2"]) {
    members.push(await join(member));
    await more();
  }
  await members[0]?.stop();
  await more();
  loading = false;
  await load;
  await until("all is taken", () => takes.size === sent);
  const twice = [...takes].filter(([, times]) => times > 1);
  t.diagnostic(`${sent} records over 4 rebalances, ${twice.length} taken twice`);
  assert.deepEqual(twice, []);
});
