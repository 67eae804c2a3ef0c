/** Every rule must be able to fail: a small world in which all is well, and each fault planted in it once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cancel, Look, Revoke, Submit } from "../history.ts";
import { check } from "./check.ts";
import { exchange, type SmallWorld, smallWorld, writeEnd, writeRun } from "./small-world.ts";

type World = ReturnType<typeof smallWorld>;

/** What the rules say, as "rule: violation". */
function violations(world: SmallWorld): string[] {
  return check(world).findings.flatMap(({ rule, violations: found }) =>
    found.map((what) => `${rule}: ${what}`),
  );
}

function first<T>(all: readonly T[], where: (one: T) => boolean = () => true): T {
  const found = all.find(where);
  assert.ok(found !== undefined);
  return found;
}

function submit(world: World, template = "noop"): Submit {
  for (const operation of world.operations)
    if (operation.kind === "submit" && operation.template === template) return operation;
  throw new Error(`no run of ${template}`);
}

function look(world: World): Look {
  for (const operation of world.operations) if (operation.kind === "look") return operation;
  throw new Error("nobody looked");
}

function cancel(world: World): Cancel {
  for (const operation of world.operations) if (operation.kind === "cancel") return operation;
  throw new Error("nothing was cancelled");
}

function revoke(world: World): Revoke {
  for (const operation of world.operations) if (operation.kind === "revoke") return operation;
  throw new Error("nothing was revoked");
}

/** Takes the last event of a run's out of the log. */
function dropEnd(world: World): void {
  world.log.splice(
    world.log.findLastIndex(({ topic }) => topic === "run.events"),
    1,
  );
}

test("a world in which all is well has no violation, and every rule looked at something", () => {
  const { findings } = check(smallWorld());
  assert.deepEqual(
    findings.filter(({ violations: found, checked }) => found.length > 0 || checked === 0),
    [],
  );
});

const tables = (world: World) => first(world.warehouse);
const view = (world: World) => first(world.views);

/** A fault, how it is planted, and what must be said of it. */
const PLANTED: readonly (readonly [what: string, plant: (world: World) => void, said: RegExp])[] = [
  [
    "a request that nobody ever answered",
    (world) => Object.assign(submit(world), { answered: false, exchanges: [exchange(503, 1)] }),
    /every request is answered .*submit of Acme was never answered: 503/,
  ],
  ["a request that was refused", (world) => submit(world).exchanges.push(exchange(403)), /was refused: 403/],
  [
    "a 500",
    (world) => submit(world).exchanges.unshift(exchange(500)),
    /submit of Acme: 500 from gateway-1#1/,
  ],
  [
    "a 503 without Retry-After",
    (world) => submit(world).exchanges.unshift(exchange(503)),
    /503 without Retry-After/,
  ],
  [
    "an answered run that the log does not have",
    (world) => {
      submit(world).runIds = ["run-lost"];
    },
    /answered with run run-lost, which was never accepted/,
  ],
  [
    "a repeat with another run",
    (world) => submit(world).runIds.push("run-append"),
    /answered with run-noop and run-append/,
  ],
  [
    "a request that was accepted twice",
    (world) => writeRun(world.writer, "noop", "run-again"),
    /noop of Acme under key key-noop was accepted as run-noop and run-again/,
  ],
  [
    "a refused request that was accepted",
    (world) => Object.assign(submit(world), { runIds: [], exchanges: [exchange(422)] }),
    /was refused, and accepted as run-noop/,
  ],
  [
    "a run of another template",
    (world) => {
      submit(world).template = "fail";
    },
    /is a run of gcp\/example\/noop/,
  ],
  [
    "a cancel that was answered, of a run that went on",
    (world) => Object.assign(cancel(world), { exchanges: [exchange(200)] }),
    /the cancel of run run-append of Acme was answered 200, and it is COMPLETE/,
  ],
  [
    "a retry that is none",
    (world) => {
      submit(world).retryOf = "run-fail";
    },
    /run run-noop retries run-fail, and its first step is COMPLETE/,
  ],
  [
    "a run that no client asked for",
    (world) => world.operations.splice(world.operations.indexOf(submit(world)), 1),
    /run run-noop of acme was accepted, and no client asked for it/,
  ],
  [
    "a command with two outcomes",
    (world) =>
      world.writer.put("run.events", {
        type: "RunRepeated",
        meta: world.writer.meta(),
        command_id: "command-run-noop",
        run_id: "x",
        first_run_id: "run-noop",
      }),
    /command command-run-noop has outcomes RunAccepted, RunRepeated/,
  ],
  [
    "an outcome of no command",
    (world) =>
      world.log.splice(
        world.log.findIndex(({ topic }) => topic === "run.commands"),
        1,
      ),
    /command command-run-noop has an outcome and was never sent/,
  ],
  ["a run without an end", dropEnd, /run run-fail of acme is RUNNING for good/],
  [
    "a run with two ends",
    (world) => writeEnd(world.writer, "fail", "run-fail", { version: 8, status: "FAILED" }),
    /the logs keep their own rules: RunFinished of run run-fail after its end/,
  ],
  [
    "an event that is missing",
    (world) =>
      world.log.splice(
        world.log.findIndex(({ topic, offset }) => topic === "run.events" && offset === 2),
        1,
      ),
    /an event is missing before this one/,
  ],
  [
    "a run that ended as it should not",
    (world) => writeRun(world.writer, "noop", "run-odd", "CANCELLED"),
    /run run-odd .gcp.example.noop. of acme is CANCELLED/,
  ],
  ["an effect that is missing", (world) => tables(world).effects.pop(), /is COMPLETE and wrote 0 rows/],
  [
    "an effect that is there twice",
    (world) => Object.assign(first(tables(world).effects), { n: 2 }),
    /is COMPLETE and wrote 2 rows/,
  ],
  [
    "an effect of a skipped step",
    (world) => tables(world).effects.push({ run_id: "run-fail", step: "never", n: 1 }),
    /step never of run run-fail of Acme is SKIPPED and wrote 1 rows/,
  ],
  [
    "an effect of nobody's",
    (world) => tables(world).effects.push({ run_id: "run-x", step: "first", n: 1 }),
    /1 rows in Acme.effects of run-x first/,
  ],
  [
    "a run that a gateway does not list",
    (world) => view(world).runs.pop(),
    /gateway-1 does not list run run-fail/,
  ],
  [
    "a run that a gateway lists twice",
    (world) => view(world).runs.push(first(view(world).runs)),
    /gateway-1 has run-noop twice/,
  ],
  [
    "a run that a gateway made up",
    (world) => view(world).runs.push({ ...first(view(world).runs), pipeline_logging_id: "run-x" }),
    /gateway-1 lists run run-x, which was never accepted/,
  ],
  [
    "a status that a gateway shows wrongly",
    (world) => Object.assign(first(view(world).runs), { status: "RUNNING" }),
    /gateway-1: run run-noop: status is "RUNNING", not "COMPLETE"/,
  ],
  [
    "a run without a row",
    (world) => tables(world).runs.pop(),
    /run run-fail has no row in Acme.pipeline_runs/,
  ],
  [
    "a run with two rows",
    (world) => tables(world).runs.push(first(tables(world).runs)),
    /Acme.pipeline_runs has run-noop twice/,
  ],
  [
    "a row of no run",
    (world) => tables(world).runs.push({ ...first(tables(world).runs), pipeline_logging_id: "run-x" }),
    /Acme.pipeline_runs has run run-x, which was never accepted/,
  ],
  [
    "a row that is out of date",
    (world) => Object.assign(first(tables(world).runs), { run_version: 2 }),
    /run_version is 2, not 4/,
  ],
  [
    "a step without a row",
    (world) => tables(world).steps.pop(),
    /step 2 of run run-fail has no row in Acme.step_logs/,
  ],
  [
    "a step's row that differs",
    (world) => Object.assign(first(tables(world).steps), { attempt: 3 }),
    /attempt is 3, not 1/,
  ],
  [
    "a row of no step",
    (world) => tables(world).steps.push({ ...first(tables(world).steps), step_logging_id: "run-noop-9" }),
    /Acme.step_logs has step run-noop-9, which no run has/,
  ],
  [
    "an end that was shown and is another",
    (world) => {
      look(world).status = "FAILED";
    },
    /run run-noop of Acme was shown as FAILED, and is COMPLETE/,
  ],
  [
    "a run that was shown and then unknown",
    (world) => Object.assign(look(world), { exchanges: [exchange(404)], status: null }),
    /run run-noop of Acme is unknown to who had shown it/,
  ],
  [
    "a foreign run in a list",
    (world) => {
      for (const operation of world.operations)
        if (operation.kind === "list") operation.runIds.push("run-of-another");
    },
    /Acme was shown run run-of-another of nobody/,
  ],
  [
    "a revoked key that still lets in where it was revoked",
    (world) => {
      revoke(world).afterwards = 200;
    },
    /key k2 of Acme still lets in at gateway-1#1/,
  ],
  [
    "a revoked key that lets in at the end",
    (world) =>
      Object.assign(
        first(world.keys, ({ inForce }) => !inForce),
        { status: 200 },
      ),
    /gateway-1 answers 200 to key k2 of Acme, which is revoked/,
  ],
  [
    "a good key that is refused",
    (world) =>
      Object.assign(
        first(world.keys, ({ inForce }) => inForce),
        { status: 401 },
      ),
    /gateway-1 answers 401 to key k1 of Acme, which is in force/,
  ],
  [
    "a write that is taken without a log",
    (world) => first(world.outages).writes.push(exchange(200)),
    /a write while the broker was away: 200/,
  ],
  [
    "a refusal that does not say when to come again",
    (world) => first(world.outages).writes.push(exchange(503)),
    /a write while the broker was away: 503/,
  ],
  [
    "a read that fails without a log",
    (world) => first(world.outages).reads.push(exchange(503, 1)),
    /a read while the broker was away: 503/,
  ],
  [
    "an outage that nobody probed",
    (world) => first(world.outages).writes.pop(),
    /an outage in which nothing was asked/,
  ],
  [
    "poison that is not put aside",
    (world) =>
      world.log.splice(
        world.log.findIndex(({ topic }) => topic.endsWith(".dlq")),
        1,
      ),
    /run.commands\/0\/5 is poison, and not among the dead letters/,
  ],
  [
    "poison that was changed on its way",
    (world) => Object.assign(first(world.poison), { value: "00" }),
    /run.commands\/0\/5 is not as it was among the dead letters/,
  ],
  [
    "a good record among the dead letters",
    (world) => world.poison.pop(),
    /run.commands.dlq holds run.commands\/0\/5, which is no poison/,
  ],
  [
    "a fault that did not strike",
    (world) => world.strikes.pop(),
    /1 faults of kind kill were planned, 0 struck/,
  ],
];

for (const [what, plant, said] of PLANTED) {
  test(`the checker sees ${what}`, () => {
    const world = smallWorld();
    plant(world);
    const found = violations(world);
    assert.ok(
      found.some((violation) => said.test(violation)),
      `it said: ${found.join("\n")}`,
    );
  });
}
