import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { openEmbeddedBus } from "@convergence/bus";
import { decode, topicSpecs } from "@convergence/contracts";
import { openWorld, quiet, withKey } from "@convergence/gateway/testing/world.ts";
import { type Clock, systemClock, systemRandom } from "@convergence/runtime";
import { FILES, PARTITIONS, plain, type Recorded, statesOf } from "./recorded/states.ts";
import { call, eventually, tenantClient } from "./testing/http.ts";
import { freshPlace, startPlatform } from "./testing/platform.ts";
import { outputFile } from "./testing/stages.ts";

// What earlier releases stored, byte for byte (cli/recorded/record.ts). Fields that came later have their defaults, so
// that what is compared is what the release knew.
const folder = path.join(import.meta.dirname, "recorded");
const releases = globSync("*/recorded.json", { cwd: folder }).map((file) => path.dirname(file));

test("the first release is recorded", () => {
  assert.ok(releases.includes("0.1.0"), releases.join());
});

for (const release of releases) {
  const of = (file: string) => path.join(folder, release, file);
  const recorded: Recorded = JSON.parse(readFileSync(of("recorded.json"), "utf8"));

  test(`${release}: a record of every type that it had is read as it was written`, () => {
    const lines = readFileSync(of("messages.ndjson"), "utf8").trimEnd().split("\n");
    assert.ok(lines.length >= 44, `${lines.length} records`);
    for (const line of lines) {
      const { type, record, message }: { type: string; record: string; message: object } = JSON.parse(line);
      const read = decode(Buffer.from(record, "base64"));
      assert.equal(read.type, type);
      assert.partialDeepStrictEqual(plain(read), message, type);
    }
  });

  test(`${release}: its logs and snapshots fold to the same states`, async (t) => {
    const place = await mkdtemp(path.join(tmpdir(), "convergence-recorded-"));
    t.after(() => rm(place, { recursive: true, force: true }));
    await copyData(release, place);
    const states = await statesOf(path.join(place, "bus.sqlite"));
    const [run] = Object.values(recorded.states.runs);
    assert.ok(run !== undefined && JSON.stringify(run).includes(recorded.openRun));
    assert.partialDeepStrictEqual(states, recorded.states);
  });

  test(`${release}: its data folder is served, and what was open in it goes on`, async (t) => {
    const { client, url, lines } = await startOn(t, release, recorded);
    for (const run of recorded.runs) {
      const { body } = await client.get(`/api/v1/pipelines/runs/${run.pipeline_logging_id}`);
      assert.partialDeepStrictEqual(body, run);
    }
    const { body: customer } = await client.get(`/api/v1/customers/${recorded.tenant}`);
    const { usage: _, ...same } = recorded.customer;
    assert.partialDeepStrictEqual(customer, same);
    const revoked = await call(`${url}/api/v1/pipelines/runs`, "GET", undefined, {
      "X-API-Key": recorded.revokedKey,
    });
    assert.equal(revoked.status, 401);
    for (const id of [recorded.openRun, recorded.undecidedRun]) {
      const over = await eventually(
        () => client.finished(id),
        ({ body }) => body.status === "COMPLETE",
        30_000,
      );
      assert.equal(over.status, 200);
    }
    // Its tables are not recorded: the projection may say so.
    const errors = (await lines()).filter(
      ({ level, service }) => level !== "warn" && service !== "step-runner",
    );
    assert.deepEqual(errors, []);
  });

  test(`${release}: the gateway's views are read as they are, not made anew`, async (t) => {
    const place = await mkdtemp(path.join(tmpdir(), "convergence-recorded-"));
    t.after(() => rm(place, { recursive: true, force: true }));
    for (const file of FILES) await copyFile(of(file), path.join(place, file));
    // The time when it was recorded: nothing is past its retention, and the records are those that the views know.
    const ago = Date.now() - lastAppend(path.join(place, "bus.sqlite"));
    const clock: Clock = { ...systemClock, now: () => Date.now() - ago };
    const topics = topicSpecs(PARTITIONS);
    const bus = openEmbeddedBus({
      file: path.join(place, "bus.sqlite"),
      topics,
      clock,
      random: systemRandom,
    });
    const warnings: string[] = [];
    const world = await openWorld(t, {
      bus,
      clock,
      database: path.join(place, "gateway.sqlite"),
      log: { ...quiet, warn: (_, message) => void warnings.push(message) },
    });
    t.after(() => bus.close());
    for (const run of recorded.runs) {
      const { body } = await world.ask(
        `/api/v1/pipelines/runs/${run.pipeline_logging_id}`,
        withKey(recorded.key),
      );
      assert.partialDeepStrictEqual(body, run);
    }
    assert.deepEqual(warnings, []);
    const stored = [...(await bus.ends("run.events")).values()].reduce((sum, { end }) => sum + end, 0);
    const folded = /folded_records_total\{topic="run.events"\} (\d+)/.exec(await world.metricsText())?.[1];
    assert.ok(Number(folded ?? 0) < stored / 2, `${folded} of ${stored} events were folded again`);
  });
}

/** Copies a release's data folder, as if it had been written just now: nothing in it is past its retention. */
async function copyData(release: string, to: string): Promise<void> {
  for (const file of FILES) await copyFile(path.join(folder, release, file), path.join(to, file));
  const ago = Date.now() - lastAppend(path.join(to, "bus.sqlite"));
  const bus = new DatabaseSync(path.join(to, "bus.sqlite"));
  bus.prepare("UPDATE records SET time = time + ?").run(ago);
  bus.close();
}

/** When the last record was stored, Unix milliseconds. */
function lastAppend(file: string): number {
  const bus = new DatabaseSync(file, { readOnly: true });
  const last = bus.prepare("SELECT MAX(time) AS last FROM records").get()?.last;
  bus.close();
  return Number(last);
}

/** Starts today's platform on a release's data. */
async function startOn(t: TestContext, release: string, { tenant, key }: Recorded) {
  const place = await freshPlace();
  const output = await outputFile();
  t.after(async () => {
    await place.remove();
    await output.remove();
  });
  await copyData(release, place.dataDir);
  const platform = await startPlatform(place, { LOG_LEVEL: "warn" }, output.descriptor);
  t.after(() => platform.end("SIGKILL"));
  return { client: tenantClient(platform.url, tenant, key), url: platform.url, lines: output.lines };
}
