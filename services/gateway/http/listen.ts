import { createServer } from "node:http";
import { listen } from "@convergence/runtime/listen.ts";
import type { Express } from "express";

/** A listening server. */
export interface HttpServer {
  readonly port: number;
  /** How many clients are connected. */
  connections(): Promise<number>;
  /** Takes no new requests, waits `graceMs` for those under way, then ends them. */
  close(graceMs?: number): Promise<void>;
}

/**
 * Serves an app.
 * @param port 0 takes any free one.
 * @param closing called when closing begins: to end answers that would go on.
 * @throws StartError when the port is taken or may not be used.
 */
export async function serve(
  app: Express,
  host: string,
  port: number,
  closing: () => void = () => {},
): Promise<HttpServer> {
  // The longest answer waits 120 s for an onboarding; a request must be in within 30 s.
  const server = createServer(
    { keepAliveTimeout: 65_000, headersTimeout: 15_000, requestTimeout: 30_000 },
    app,
  );
  const listening = await listen(server, host, port, "PORT");
  return {
    port: listening,
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      }),
    async close(graceMs = 2_000) {
      closing();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(cut);
    },
  };
}
