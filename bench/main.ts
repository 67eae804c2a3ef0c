/** `npm run bench [-- NAME]`: the measurements behind every speed that the docs name. */
import { benchAgainst } from "./against.ts";
import { benchBigQuery } from "./bigquery.ts";
import { benchDataQuality } from "./data-quality.ts";
import { benchKafka } from "./kafka.ts";
import { benchRuns } from "./runs.ts";

const BENCHES: Record<string, () => Promise<void>> = {
  runs: benchRuns,
  kafka: benchKafka,
  bigquery: benchBigQuery,
  "data-quality": benchDataQuality,
  against: benchAgainst,
};

const name = process.argv[2] ?? "runs";
const bench = BENCHES[name];
if (bench === undefined) {
  console.error(`no bench ${name}: there are ${Object.keys(BENCHES).join(", ")}`);
  process.exit(2);
}
await bench();
process.exit();
