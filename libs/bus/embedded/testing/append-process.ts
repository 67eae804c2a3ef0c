// A process for durability.test.ts: appends to the bus file of its first argument until it is killed or a write
// fails, and prints what was acknowledged, or the refusal.
import { openOn } from "./open.ts";

const bus = openOn(process.argv[2] ?? "");
process.stdout.write("open\n");
const value = Buffer.alloc(10_000, "x");
for (let i = 0; ; i++) {
  try {
    const offsets = await bus.append([
      { topic: "log", key: `k${i}`, value },
      { topic: "log", key: `k${i}`, value: null },
    ]);
    process.stdout.write(`${JSON.stringify({ i, offsets })}\n`);
  } catch (error) {
    let read = 0;
    const view = await bus.view({ topics: ["log"], from: "low" }, () => read++);
    await view.caughtUp();
    const name = error instanceof Error ? error.name : "unknown";
    process.stdout.write(`${JSON.stringify({ refused: name, read })}\n`);
    break;
  }
}
setInterval(() => {}, 2 ** 30);
