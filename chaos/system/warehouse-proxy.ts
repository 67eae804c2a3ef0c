import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { Prng } from "../../simulation/world/prng.ts";

/** What happens to requests on their way to the warehouse. */
export type Trouble = "none" | "slow" | "cut" | "refuse";

/** Stands between the services and the local BigQuery. */
export interface WarehouseProxy {
  url: string;
  /** From now on; gives how many requests were touched under the trouble before. */
  set(trouble: Trouble): number;
  close(): void;
}

const SLOW_MS = [300, 3_000] as const;
/** As BigQuery words it. */
const REFUSAL = JSON.stringify({
  error: {
    code: 503,
    message: "Error encountered during execution. Retrying may solve the problem.",
    errors: [{ reason: "backendError", message: "Retrying may solve the problem.", domain: "global" }],
    status: "UNAVAILABLE",
  },
});

/** Starts a proxy of `target` on a free port of this machine. */
export async function warehouseProxy(target: string, prng: Prng): Promise<WarehouseProxy> {
  const { hostname, port } = new URL(target);
  let trouble: Trouble = "none";
  let touched = 0;

  function forward(incoming: IncomingMessage, outgoing: ServerResponse, cutAnswer: boolean): void {
    const options = {
      hostname,
      port,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
    };
    const asking = request(options, (answer) => {
      if (cutAnswer) {
        // The work is done, and nobody hears of it.
        answer.resume();
        answer.once("end", () => incoming.socket.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    asking.on("error", () => incoming.socket.destroy());
    // Who gave up is not served for nothing; where the answer is to be cut, the work is to be done.
    if (!cutAnswer) outgoing.once("close", () => asking.destroy());
    incoming.pipe(asking);
  }

  const server = createServer((incoming, outgoing) => {
    if (trouble !== "none") touched += 1;
    switch (trouble) {
      case "none":
        forward(incoming, outgoing, false);
        break;
      case "slow":
        setTimeout(() => forward(incoming, outgoing, false), prng.int(...SLOW_MS));
        break;
      case "cut":
        if (prng.chance(0.5)) incoming.socket.destroy();
        else forward(incoming, outgoing, prng.chance(0.7));
        break;
      case "refuse":
        incoming.resume();
        outgoing.writeHead(503, { "Content-Type": "application/json" }).end(REFUSAL);
        break;
    }
  });
  const address = await listen(server);
  return {
    url: `http://127.0.0.1:${address}`,
    set(next) {
      const before = touched;
      [trouble, touched] = [next, 0];
      return before;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}
