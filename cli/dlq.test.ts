import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { BusRecord } from "@convergence/bus";
import { type KafkaBus, openKafkaBus } from "@convergence/bus/kafka/index.ts";
import { type KafkaBroker, startBroker } from "@convergence/bus/kafka/testing/broker.ts";
import { encode, topicSpecs } from "@convergence/contracts";
import { logger, systemClock } from "@convergence/runtime";
import { z } from "zod";
import { type Cluster, cluster, type ServiceProcess } from "./testing/cluster.ts";
import { eventually } from "./testing/http.ts";
import { freePort } from "./testing/process.ts";

const ENTRY = path.join(import.meta.dirname, "dlq.ts");
const PARTITIONS = 12;
const API_KEY = "acme_api_0123456789abcdef";

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

function dlq(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = spawn(process.execPath, [ENTRY, ...args], {
    env: { ...process.env, KAFKA_BROKERS: "", LOG_LEVEL: "silent", ...env },
  });
  const ran: Ran = { code: null, stdout: "", stderr: "" };
  child.stdout.on("data", (data: Buffer) => {
    ran.stdout += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    ran.stderr += data.toString();
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ ...ran, code })));
}

const listed = z.array(
  z.object({
    id: z.string(),
    at: z.iso.datetime(),
    origin: z.object({ topic: z.string(), partition: z.int(), offset: z.int() }).nullable(),
    key: z.string(),
    reason: z.string().nullable(),
    state: z.enum(["waiting", "replayed", "discarded"]),
    settled_at: z.iso.datetime().nullable(),
    replayed_offset: z.int().nullable(),
  }),
);

test("what is not understood is said with the usage, and exits with 2", async () => {
  for (const args of [
    [],
    ["lists"],
    ["list", "--jsn"],
    ["show"],
    ["show", "run.commands:1:2"],
    ["replay"],
    ["replay", "--all", "run.commands.dlq:1:2"],
    ["discard", "--all"],
  ]) {
    const { code, stderr, stdout } = await dlq(args, { KAFKA_BROKERS: "127.0.0.1:1" });
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, /^dlq: .*\nusage: npm run dlq -- list/);
    assert.equal(stdout, "");
  }
});

test("without KAFKA_BROKERS, and with one at fault, it says so and exits with 1", async () => {
  const unset = await dlq(["list"]);
  assert.deepEqual(unset, {
    code: 1,
    stdout: "",
    stderr: "dlq: KAFKA_BROKERS is not set. Set it to host:port of a broker.\n",
  });
  const wrong = await dlq(["list"], { KAFKA_BROKERS: "nowhere" });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /KAFKA_BROKERS="nowhere": expected host:port/);
});

test("where no broker answers it gives up, and says what to look at", async () => {
  const { code, stderr } = await dlq(["list"], { KAFKA_BROKERS: `127.0.0.1:${await freePort()}` });
  assert.equal(code, 1);
  assert.match(stderr, /^dlq: .*Is Kafka there, and KAFKA_BROKERS right\?\n$/);
});

describe("dead letters of a real broker", () => {
  let broker: KafkaBroker;
  let platform: Cluster;
  let service: ServiceProcess;
  let bus: KafkaBus;
  const env = (prefix = "") => ({ KAFKA_BROKERS: broker.address, KAFKA_TOPIC_PREFIX: prefix });

  before(async () => {
    broker = await startBroker();
    platform = await cluster(broker.address);
    service = await platform.start("pipeline-service");
    bus = await openKafkaBus({
      brokers: [broker.address],
      clientId: "test",
      topics: topicSpecs(PARTITIONS),
      clock: systemClock,
      log: logger({ level: "silent", service: "test" }),
    });
    await service.ready();
  });
  after(async () => {
    await bus?.close();
    await platform?.close();
    await broker?.dispose();
  });

  async function list() {
    const { code, stdout, stderr } = await dlq(["list", "--json"], env());
    assert.equal(code, 0, stderr);
    return listed.parse(JSON.parse(stdout));
  }
  type Letters = z.output<typeof listed>;
  const waiting = (letters: Letters) => letters.filter(({ state }) => state === "waiting");

  /** Appends poison and waits until pipeline-service has put it aside. */
  async function poison(key: string, value: Uint8Array, headers = {}): Promise<Letters[number]> {
    const topic = "run.commands";
    const [offset = -1] = await bus.append([{ topic, key, value, headers }]);
    const partition = bus.partitionOf(topic, key);
    const isIt = ({ origin }: Letters[number]) =>
      origin?.topic === topic && origin.partition === partition && origin.offset === offset;
    const letters = await eventually(list, (found) => found.some(isIt), 60_000);
    const letter = letters.find(isIt);
    assert.ok(letter);
    return letter;
  }

  async function stored(topic: string, partition: number, offset: number): Promise<BusRecord> {
    let found: BusRecord | undefined;
    const from = new Map([[topic, new Map([[partition, offset]])]]);
    const view = await bus.view({ topics: [topic], from }, (record) => {
      if (record.partition === partition && record.offset === offset) found = record;
    });
    await view.caughtUp();
    await view.stop();
    assert.ok(found, `${topic}:${partition}:${offset}`);
    return found;
  }

  test("topics that are not there are not made", async () => {
    const { code, stderr } = await dlq(["list"], env("elsewhere."));
    assert.equal(code, 1);
    assert.match(stderr, /do not have these topics: elsewhere\.tenant\.commands, .*topic prefix/);
    const none = await dlq(["list"], env());
    assert.deepEqual([none.code, none.stdout], [0, "no dead letters\n"]);
  });

  test("poison is listed, shown without secrets, and replayed once, as it was", async () => {
    const value = Buffer.from(`\x1b[31m{"n":1} ${API_KEY}\0`);
    const headers = { traceparent: "00-ab-cd-01", note: `\x1b[2J ${API_KEY}` };
    const letter = await poison("tenant_1", value, headers);
    assert.match(letter.reason ?? "", /not an Avro single-object record/);
    assert.deepEqual([letter.key, letter.state, letter.settled_at], ["tenant_1", "waiting", null]);
    const { topic, partition, offset } = z
      .object({ topic: z.string(), partition: z.int(), offset: z.int() })
      .parse(letter.origin);

    const table = await dlq(["list"], env());
    assert.match(table.stdout, /^ID +WHEN +FROM +KEY +STATE +REASON\n/);
    assert.match(
      table.stdout,
      new RegExp(
        `\n${letter.id} +\\S+Z +run\\.commands:${partition}:${offset} +tenant_1 +waiting +not an Avro`,
      ),
    );
    const shown = await dlq(["show", letter.id], env());
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /\n {2}traceparent: 00-ab-cd-01\n/);
    assert.match(shown.stdout, /\n {2}note: \\u\{1b\}\[2J acme_api_\[redacted\]\n/);
    assert.match(shown.stdout, /\n {2}000000 {2}1b 5b 33 31 6d 7b 22 6e .* \.\[31m\{"n":1\}/);
    for (const { stdout } of [table, shown]) {
      assert.ok(!stdout.includes("0123456789abcdef") && !stdout.includes("\x1b"));
      assert.ok(!stdout.replaceAll(/\s/g, "").includes(Buffer.from("0123456789abcdef").toString("hex")));
    }

    const replayed = await dlq(["replay", letter.id], env());
    assert.equal(replayed.code, 0, replayed.stderr);
    const place = new RegExp(
      `^${letter.id}: put back as run\\.commands:${partition}:(\\d+) \\(key tenant_1, ${value.length} bytes\\), noted as replayed\n$`,
    ).exec(replayed.stdout);
    const at = Number(place?.[1]);
    const back = await stored(topic, partition, at);
    assert.deepEqual(
      [back.key, back.headers, Buffer.from(back.value ?? "").equals(value)],
      ["tenant_1", headers, true],
    );

    const again = await dlq(["replay", letter.id], env());
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, new RegExp(`^${letter.id}: was replayed at \\S+Z, nothing done\n$`));

    // It is poison as before: pipeline-service puts it aside anew, as another letter.
    const letters = await eventually(
      list,
      (found) => found.some(({ origin }) => origin?.offset === at && origin.partition === partition),
      60_000,
    );
    const old = letters.find(({ id }) => id === letter.id);
    assert.deepEqual([old?.state, old?.replayed_offset], ["replayed", at]);
    assert.equal(waiting(letters).length, 1);
    assert.equal((await bus.ends(topic)).get(partition)?.end, at + 1, "and nothing more was put back");
  });

  test("all that wait are replayed, but what its owner alone writes; that can be discarded", async () => {
    const two = [
      await poison("tenant_2", Buffer.from("two")),
      await poison("tenant_3", Buffer.from("three")),
    ];
    const event = {
      type: "Claimed" as const,
      follows: -1,
      nonce: "n",
      writer: `w ${API_KEY}`,
      at: 1,
    };
    const record: BusRecord = {
      topic: "run.events",
      partition: 5,
      offset: 9,
      key: "",
      value: encode(event),
      headers: {},
      time: 0,
    };
    await bus.dead(record, new Error("no place for it"));
    await bus.dead(record, new Error("no place for it, says another reader"));
    const before = waiting(await list());
    const left = before.find(({ origin }) => origin?.topic === "run.events");
    assert.ok(left);
    assert.equal(before.filter(({ origin }) => origin?.topic === "run.events").length, 1);

    const all = await dlq(["replay", "--all"], env());
    assert.equal(all.code, 0, all.stderr);
    for (const { id } of two) assert.ok(all.stdout.includes(`${id}: put back as run.commands:`), all.stdout);
    assert.ok(all.stdout.endsWith(`\n${before.length - 1} replayed, 1 left as they are\n`), all.stdout);
    assert.match(all.stderr, new RegExp(`^${left.id}: run\\.events is written by its owner alone`));
    assert.equal((await dlq(["replay", left.id], env())).code, 1);

    const shown = await dlq(["show", left.id], env());
    assert.match(shown.stdout, /value: Claimed, \d+ bytes\n\{/);
    assert.match(shown.stdout, /"writer": "w acme_api_\[redacted\]"/);
    assert.match(shown.stdout, /copies +run\.events\.dlq:/);

    const discarded = await dlq(["discard", left.id], env());
    assert.equal(discarded.code, 0, discarded.stderr);
    assert.equal((await list()).find(({ id }) => id === left.id)?.state, "discarded");
    assert.match((await dlq(["replay", left.id], env())).stdout, /was discarded at \S+Z, nothing done/);
  });

  test("an id of nothing is an error", async () => {
    const { code, stderr } = await dlq(["show", "run.commands.dlq:0:999999"], env());
    assert.equal(code, 1);
    assert.match(stderr, /there is no dead letter run\.commands\.dlq:0:999999/);
  });
});
