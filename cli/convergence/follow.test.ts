import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { listen, readConfig } from "@convergence/runtime";
import { follow, type Progress } from "./follow.ts";
import { gatewayClient } from "./gateway.ts";

const RUN = "11111111-2222-4333-8444-555555555555";
const event = (id: number, name: string, data: object) =>
  `event: ${name}\nid: ${id}\ndata: ${JSON.stringify({ version: id, ...data })}\n\n`;
const step = {
  step_name: "a",
  step_type: "noop",
  step_index: 0,
  status: "RUNNING",
  duration_ms: null,
  rows_processed: null,
  bytes_processed: null,
  attempt: 1,
  error_message: null,
};
const over = { status: "COMPLETE", duration_ms: 5, error_message: null };

/** A gateway that answers each connection by the next of these; tells what Last-Event-ID each had. */
async function gateway(t: TestContext, answers: ((response: ServerResponse) => void)[]) {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers["last-event-id"]?.toString());
    answers[asked.length - 1]?.(response);
  });
  const port = await listen(server, "127.0.0.1", 0, "PORT");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const env = {
    CONVERGENCE_URL: `http://127.0.0.1:${port}`,
    CONVERGENCE_API_KEY: "acme_1_api_AAAAAAAAAAAAAAAA",
  };
  return { client: gatewayClient(readConfig(env)), asked };
}

const streamed = (response: ServerResponse) =>
  response.writeHead(200, { "Content-Type": "text/event-stream" });

async function all(events: AsyncGenerator<Progress>): Promise<string[]> {
  const names: string[] = [];
  for await (const { event: name } of events) names.push(name);
  return names;
}

test("a connection that breaks is made anew behind the last event, until the run is over", async (t) => {
  const { client, asked } = await gateway(t, [
    (response) => {
      streamed(response).write(
        event(1, "snapshot", { status: "PENDING", duration_ms: null, error_message: null, steps: [] }),
        () => response.destroy(),
      );
    },
    (response) => response.writeHead(503).end(),
    (response) => response.destroy(),
    (response) => streamed(response).end(event(2, "step", step)),
    (response) => {
      streamed(response).write(`${event(3, "news", {})}${event(4, "run", over)}`);
    },
  ]);
  const names = await all(follow(client, RUN, new AbortController().signal));
  assert.deepEqual(names, ["snapshot", "step", "news", "run"]);
  assert.deepEqual(asked, [undefined, "1", "1", "1", "2"]);
});

test("what the gateway refuses ends it, with its words", async (t) => {
  const { client } = await gateway(t, [
    (response) =>
      response.writeHead(404).end(JSON.stringify({ detail: "This tenant has no run of this id." })),
  ]);
  await assert.rejects(
    all(follow(client, RUN, new AbortController().signal)),
    /refused \(404\): This tenant has no run/,
  );
});

test("an interrupt ends it at once, while it waits too", async (t) => {
  const stop = new AbortController();
  const { client } = await gateway(t, [
    (response) => {
      streamed(response).write(event(1, "step", step), () => stop.abort());
    },
  ]);
  const begun = performance.now();
  await all(follow(client, RUN, stop.signal));
  assert.ok(performance.now() - begun < 900);
});
