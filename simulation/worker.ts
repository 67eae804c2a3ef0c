import { parentPort, workerData } from "node:worker_threads";
import { plant } from "./planted/plant.ts";

/** A thread of the pool: simulates the seeds that it is sent, with a fault planted if it is told to. */
const { planted }: { planted: string | null } = workerData;
if (planted !== null) plant(planted);
// Loaded only now, so that what is planted is in it.
const { simulate } = await import("./simulate.ts");
const { makePlan } = await import("./plan/make-plan.ts");

parentPort?.on("message", async (seed: number) => {
  parentPort?.postMessage(await simulate(makePlan(seed)));
});
