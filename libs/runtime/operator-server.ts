import { createServer, type ServerResponse } from "node:http";
import { listen } from "./listen.ts";
import type { Metrics } from "./metrics.ts";

/** What readiness depends on, by name; a check that answers false or rejects makes the process not ready. */
export type ReadyChecks = Readonly<Record<string, () => Promise<boolean> | boolean>>;

export interface OperatorServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * What operators and Kubernetes ask of a process: GET /health/live (200 while it answers), /health/ready (200, or 503
 * with the checks that fail), /health (the same, always 200), /metrics.
 * @throws StartError when the port is taken or may not be used
 */
export async function operatorServer(
  host: string,
  port: number,
  metrics: Metrics,
  checks: ReadyChecks,
): Promise<OperatorServer> {
  const server = createServer((request, response) => {
    void answer(request.method ?? "", request.url ?? "", response, metrics, checks);
  });
  const listening = await listen(server, host, port, "OPERATOR_PORT");
  return {
    port: listening,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  method: string,
  url: string,
  response: ServerResponse,
  metrics: Metrics,
  checks: ReadyChecks,
): Promise<void> {
  if (method !== "GET") return json(response, 405, { status: "only GET" });
  switch (url) {
    case "/health/live":
      return json(response, 200, { status: "ok" });
    case "/health":
    case "/health/ready": {
      const found = await run(checks);
      const ready = Object.values(found).every((state) => state === "ok");
      const status = ready || url === "/health" ? 200 : 503;
      return json(response, status, { status: ready ? "ok" : "unavailable", checks: found });
    }
    case "/metrics":
      response.setHeader("Content-Type", metrics.contentType);
      response.end(await metrics.text());
      return;
    default:
      return json(response, 404, { status: "here are /health, /health/live, /health/ready and /metrics" });
  }
}

async function run(checks: ReadyChecks): Promise<Record<string, "ok" | "unavailable">> {
  const entries = Object.entries(checks).map(async ([name, check]) => {
    const ok = await Promise.resolve()
      .then(check)
      .catch(() => false);
    return [name, ok ? "ok" : "unavailable"] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

function json(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(body));
}
