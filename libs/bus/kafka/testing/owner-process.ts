// A process for members.test.ts: owns lanes on the broker and topics of its first argument (JSON), and prints a JSON
// line for each thing that happens. A line on its standard input makes it ask for the guard of every lane it ever had.
import { createInterface } from "node:readline";
import type { Owner } from "../../port.ts";
import { LIMITS, openOn } from "./harness.ts";

const { address, topics, options, limits } = JSON.parse(process.argv[2] ?? "{}");
const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);

const bus = await openOn(address, topics, { limits: { ...LIMITS, ...limits } });
const owners: { lane: number; owner: Owner }[] = [];
let lanes = 0;

const running = await bus.own(options, (partition) => {
  const lane = lanes++;
  const folded: string[] = [];
  return {
    snapshot() {},
    foldFrom: () => "low",
    fold: ({ value }) => folded.push(Buffer.from(value ?? "").toString()),
    caughtUp(owner) {
      owners.push({ lane, owner });
      say({ caughtUp: partition, lane, folded });
      owner.takeInputs();
    },
    input: ({ topic, offset }) => owners.find((one) => one.lane === lane)?.owner.done(topic, offset),
    lost: (why) => say({ lost: partition, lane, why }),
  };
});
running.failed.catch((error) => {
  say({ failed: String(error) });
  process.exit(1);
});

createInterface({ input: process.stdin }).on("line", () => {
  for (const { lane, owner } of owners) {
    owner.guard().then(
      () => say({ guard: owner.partition, lane, held: true }),
      (error) => say({ guard: owner.partition, lane, held: false, error: error.name }),
    );
  }
});
