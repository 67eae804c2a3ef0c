import type { Server } from "node:net";
import { errorCode } from "./files.ts";
import { StartError } from "./start-error.ts";

/**
 * Lets a server listen.
 * @param port 0 takes any free one.
 * @param variable the environment variable that sets the port, for the error's text.
 * @returns the port.
 * @throws StartError when the port is taken or may not be used.
 */
export async function listen(server: Server, host: string, port: number, variable: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  }).catch((error: unknown) => {
    const code = errorCode(error);
    const why = code === "EADDRINUSE" ? "is taken by another program" : `cannot be used (${code})`;
    throw new StartError(
      `port ${port} on ${host} ${why}`,
      `Free it, or set ${variable} to another port.`,
      error,
    );
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
