import { Agent, type IncomingMessage, request } from "node:http";

/** An HTTP client with kept-alive connections and little work of its own. */
export interface Client {
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
  close(): void;
}

/** A client of `baseUrl` that sends these headers with every request, over at most `sockets` connections. */
export function client(baseUrl: string, headers: Record<string, string>, sockets: number): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  const { hostname, port } = new URL(baseUrl);
  return {
    call(method, path, body) {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const sent =
        text === undefined
          ? headers
          : { ...headers, "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) };
      return new Promise((resolve, reject) => {
        const options = { agent, hostname, port, method, path, headers: sent };
        const sending = request(options, (response) => collect(response).then(resolve, reject));
        sending.on("error", reject);
        sending.end(text);
      });
    },
    close: () => agent.destroy(),
  };
}

async function collect(response: IncomingMessage): Promise<{ status: number; body: unknown }> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  const text = Buffer.concat(parts).toString("utf8");
  return { status: response.statusCode ?? 0, body: text === "" ? null : JSON.parse(text) };
}

/** The value below which this part of the sorted samples lies. */
export function percentile(samples: number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
