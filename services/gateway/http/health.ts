import type { Metrics } from "@convergence/runtime/metrics.ts";
import type { Express, Response } from "express";
import type { Gateway } from "../gateway.ts";
import type { Health } from "../health.ts";

/**
 * What operators ask: /health tells all and is 200 as long as the process answers; /health/live says that it does;
 * /health/ready is 503 until the gateway can serve. A bus that goes away later leaves it ready, since reads go on.
 */
export function healthRoutes(
  app: Express,
  gateway: Gateway,
  exposition: Pick<Metrics, "text" | "contentType"> | null,
): void {
  const health = (response: Response, status: number, body: object) => {
    response.status(status).json(body);
  };
  app.get("/health", async (_request, response) => health(response, 200, await gateway.health()));
  app.get("/health/live", (_request, response) => health(response, 200, { status: "ok" }));
  app.get("/health/ready", async (_request, response) => {
    const found: Health = await gateway.health();
    if (found.status === "unavailable") response.setHeader("Retry-After", 1);
    health(response, found.status === "unavailable" ? 503 : 200, found);
  });
  if (exposition === null) return;
  app.get("/metrics", async (_request, response) => {
    response.setHeader("Content-Type", exposition.contentType);
    response.end(await exposition.text());
  });
}
