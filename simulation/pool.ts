import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Outcome } from "./simulate.ts";

export interface PoolOptions {
  from: number;
  seeds: number;
  /** Name of a planted fault; null for none. */
  planted?: string | null;
  /** How many threads at most; as many as there are cores by default. */
  threads?: number;
  /** Told of each outcome, in no order. True ends the pool early. */
  told(outcome: Outcome): boolean;
}

/** Simulates a range of seeds on all cores. */
export async function simulateSeeds(options: PoolOptions): Promise<void> {
  const { from, seeds, planted = null, threads = availableParallelism() } = options;
  let next = from;
  let over = false;
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: { planted } });
    try {
      while (!over && next < from + seeds) {
        const outcome = await ask(worker, next++);
        if (options.told(outcome)) over = true;
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(threads, seeds) }, work));
}

function ask(worker: Worker, seed: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const told = (outcome: Outcome) => {
      worker.off("error", failed);
      resolve(outcome);
    };
    const failed = (error: unknown) => {
      worker.off("message", told);
      reject(error);
    };
    worker.once("message", told);
    worker.once("error", failed);
    worker.postMessage(seed);
  });
}
