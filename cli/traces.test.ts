import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Bus } from "@convergence/bus";
import { traceFields, traceOf } from "@convergence/contracts";
import { z } from "zod";
import { localClient } from "./demo/bigquery.ts";
import { call, eventually, tenantClient } from "./testing/http.ts";
import { STAGES, type Stage } from "./testing/stages.ts";

const PROJECT = "gac-prod-471220";
const ONBOARDING = "0af7651916cd43dd8448eb211c80319c";
const RUN = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";
const headersOf = (traceId: string) => ({
  traceparent: `00-${traceId}-${CALLER}-01`,
  tracestate: "them=t61",
});

for (const [name, open] of Object.entries(STAGES)) {
  describe(`a trace through ${name}`, () => {
    let stage: Stage;
    let key = "";
    let runId = "";

    before(async () => {
      stage = await open({ LOG_LEVEL: "debug" });
    });
    after(() => stage?.close());

    /** What the services logged under a trace, once `message` is among it so many times. */
    const loggedUnder = (traceId: string, message: string, times: number) =>
      eventually(
        async () => (await stage.logged()).filter(({ trace_id }) => trace_id === traceId),
        (lines) => lines.filter(({ msg }) => msg === message).length >= times,
        10_000,
      );
    const told = (lines: Record<string, unknown>[]) =>
      lines.map(({ service, msg, step }) => [service, msg, step].filter(Boolean).join(": "));

    test("an onboarding's is that of its validation run, down to the warehouse's jobs", async () => {
      const answer = await call(
        `${stage.url}/api/v1/customers/onboard`,
        "POST",
        { tenant_id: "Traced_1" },
        { ...stage.onboarding, ...headersOf(ONBOARDING) },
      );
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      assert.match(
        answer.headers.get("traceresponse") ?? "",
        new RegExp(`^00-${ONBOARDING}-[0-9a-f]{16}-01$`),
      );
      key = z.string().parse(answer.body.api_key);
      const lines = await loggedUnder(ONBOARDING, "answered", 1);
      for (const line of [
        "tenant-service: a validation run is asked for",
        "pipeline-service: a run is accepted",
        "step-runner: a step is done: check_dataset",
        "pipeline-service: a run ended",
        "gateway: answered",
      ])
        assert.ok(told(lines).includes(line), `${line} among ${told(lines).join(", ")}`);
      const [jobs] = await localClient(stage.bigQueryUrl, PROJECT).getJobs({ maxResults: 1_000 });
      const labels = jobs.map(({ metadata }) => metadata.configuration?.labels ?? {});
      const own = labels.filter(({ trace_id }) => trace_id === ONBOARDING);
      assert.ok(own.length > 0, "the probe's job bears the trace");
      assert.ok(own.every(({ tenant, run }) => tenant === "traced_1" && typeof run === "string"));
    });

    test("a run's is followed from the request to each step's line", async () => {
      const client = tenantClient(stage.url, "Traced_1", key);
      const { status, body, headers } = await client.run("gcp/example/noop", {}, headersOf(RUN));
      assert.equal(status, 200, JSON.stringify(body));
      runId = z.string().parse(body.pipeline_logging_id);
      assert.equal((await client.finished(runId)).body.status, "COMPLETE");
      const lines = await loggedUnder(RUN, "a run ended", 1);
      assert.deepEqual(told(lines).sort(), [
        "gateway: a run is asked for",
        "gateway: answered",
        "pipeline-service: a run ended",
        "pipeline-service: a run is accepted",
        "step-runner: a step is done: first",
        "step-runner: a step is done: second",
        "step-runner: a step is done: third",
      ]);
      const ofRun = lines.filter(({ msg }) => msg !== "answered");
      for (const { tenant_id, run_id } of ofRun) assert.deepEqual([tenant_id, run_id], ["traced_1", runId]);
      const request = traceFields(traceOf({ traceparent: headers.get("traceresponse") ?? "" }));
      const spans = (service: string) =>
        new Set(lines.filter((line) => line.service === service).map(({ span_id }) => span_id));
      assert.deepEqual(
        spans("gateway"),
        new Set([request.span_id]),
        "the gateway's span is the one answered",
      );
      assert.notEqual(request.span_id, CALLER);
      assert.equal(spans("step-runner").size, 3, "each attempt at a step is a span");
    });

    test("a request without a trace, or with a malformed one, gets a new one, and is served", async () => {
      const client = tenantClient(stage.url, "Traced_1", key);
      const given: Record<string, string>[] = [
        {},
        { traceparent: `00-${"0".repeat(32)}-${CALLER}-01` },
        { traceparent: "'; DROP" },
      ];
      const ids = new Set<string>();
      for (const headers of given) {
        const answer = await client.run("gcp/example/noop", {}, headers);
        assert.equal(answer.status, 200);
        const response = answer.headers.get("traceresponse") ?? "";
        assert.match(response, /^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-00$/);
        ids.add(response.slice(3, 35));
        assert.equal((await client.finished(answer.body.pipeline_logging_id)).body.status, "COMPLETE");
      }
      assert.equal(ids.size, 3);
    });

    test("every record of the run bears the trace, and what others added to it", async () => {
      for (const code of await stage.stop()) assert.equal(code, 0);
      const bus = await stage.openBus();
      try {
        assert.equal((await tracedRecords(bus, "run.commands")).length, 1);
        assert.equal((await tracedRecords(bus, "step.tasks")).length, 3);
        assert.equal((await tracedRecords(bus, "step.results")).length, 6);
        // Accepted, thrice started and finished, ended.
        assert.equal((await tracedRecords(bus, "run.events")).length, 8);
      } finally {
        await bus.close();
      }
    });
  });
}

/** The run's records of a topic, all of which must bear the whole of the trace. */
async function tracedRecords(bus: Bus, topic: string): Promise<string[]> {
  const found: string[] = [];
  const view = await bus.view({ topics: [topic], from: "low" }, ({ headers }) => {
    if (traceFields(traceOf(headers)).trace_id !== RUN) return;
    assert.equal(headers.tracestate, "them=t61");
    assert.ok(headers.traceparent?.endsWith("-01"), "as sampled as it came");
    found.push(headers.traceparent ?? "");
  });
  assert.ok(await view.caughtUp(10_000));
  await view.stop();
  return found;
}
