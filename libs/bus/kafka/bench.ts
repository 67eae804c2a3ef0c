// Measures the Kafka bus beside a broker of its own on the same machine: `node libs/bus/kafka/bench.ts`.
import { systemClock } from "@convergence/runtime/clock.ts";
import { logger } from "@convergence/runtime/log.ts";
import {
  BENCH_TOPICS,
  batches,
  concurrent,
  hops,
  oneAtATime,
  percentiles,
  rate,
  timed,
} from "../bench-kit.ts";
import { openKafkaBus } from "./index.ts";
import { startBroker } from "./testing/broker.ts";

const HOPS = 3_000;
const WARM_UP = 1_000;

const broker = await startBroker();
const bus = await openKafkaBus({
  brokers: [broker.address],
  clientId: "bench",
  topics: BENCH_TOPICS,
  clock: systemClock,
  log: logger({ level: "warn", service: "bench" }),
});
try {
  console.log(`${broker.kind}, on this machine`);
  await hops(bus, ["hop"], WARM_UP);
  console.log(`  one append at a time         ${rate(2_000, await timed(() => oneAtATime(bus, 2_000)))}`);
  console.log(
    `  64 appends at a time         ${rate(64_000, await timed(() => concurrent(bus, 64, 1_000)))}`,
  );
  console.log(`  batches of 500, 4 readers    ${rate(200_000, await timed(() => batches(bus, 400, 500)))}`);
  console.log(`  one hop, append to view      ${percentiles(await hops(bus, ["hop"], HOPS))}`);
  console.log(
    `  chain of 3 hops              ${percentiles(await hops(bus, ["one", "two", "three"], HOPS))}`,
  );
  console.log(`  CPU of this process, idle    ${await idleCpu()} % of a core, with a view of all topics`);
} finally {
  await bus.close();
  await broker.dispose();
}
process.exit(0);

async function idleCpu(): Promise<string> {
  const view = await bus.view({ topics: BENCH_TOPICS.map(({ name }) => name), from: "end" }, () => {});
  await view.caughtUp();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const { user, system } = process.cpuUsage(before);
  return ((user + system) / 50_000).toFixed(2);
}
