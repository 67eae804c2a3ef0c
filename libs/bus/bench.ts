// Measures the embedded bus: `node libs/bus/bench.ts`. Records have 300 bytes, topics 12 partitions.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { systemClock } from "@convergence/runtime/clock.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import {
  BENCH_TOPICS,
  batches,
  concurrent,
  hops,
  oneAtATime,
  percentiles,
  rate,
  timed,
} from "./bench-kit.ts";
import { openEmbeddedBus } from "./index.ts";

const HOPS = 3_000;

for (const synchronous of ["full", "normal"] as const) {
  const folder = mkdtempSync(path.join(tmpdir(), "bus-bench-"));
  const file = path.join(folder, "bus.db");
  const bus = openEmbeddedBus({
    file,
    topics: BENCH_TOPICS,
    clock: systemClock,
    random: systemRandom,
    synchronous,
  });
  console.log(`synchronous = ${synchronous}`);
  console.log(`  one append at a time         ${rate(2_000, await timed(() => oneAtATime(bus, 2_000)))}`);
  console.log(
    `  64 appends at a time         ${rate(64_000, await timed(() => concurrent(bus, 64, 1_000)))}`,
  );
  console.log(`  batches of 500, 4 readers    ${rate(200_000, await timed(() => batches(bus, 400, 500)))}`);
  console.log(`  one hop, append to view      ${percentiles(await hops(bus, ["hop"], HOPS))}`);
  console.log(
    `  chain of 3 hops              ${percentiles(await hops(bus, ["one", "two", "three"], HOPS))}`,
  );
  await bus.close();
  rmSync(folder, { recursive: true });
}
