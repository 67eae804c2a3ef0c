/** An endpoint in a process of its own, for the tests that kill it. Prints its address. */
import { startLocalBigQuery } from "./index.ts";

const server = await startLocalBigQuery({
  host: "127.0.0.1",
  port: 0,
  file: process.argv[2] ?? null,
  log: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${server.url}\n`);
