/**
 * `npm run kafka [-- PORT]`: a single-node Kafka broker for this machine, until Ctrl-C. By Docker where an engine
 * answers, else by the broker's own jars with the local Java. Its data goes when it stops.
 */
import { startBroker } from "@convergence/bus/kafka/testing/broker.ts";

const port = Number(process.argv[2] ?? 9092);
if (!Number.isInteger(port) || port < 1 || port > 65_535) {
  console.error("usage: npm run kafka [-- PORT], PORT from 1 to 65535");
  process.exit(1);
}
try {
  const broker = await startBroker({ port });
  console.log(`${broker.kind} listens on ${broker.address}; Ctrl-C stops it and removes its data`);
  setInterval(() => {}, 2 ** 30);
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, async () => {
      if (stopping) return;
      stopping = true;
      await broker.dispose();
      process.exit(0);
    });
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
