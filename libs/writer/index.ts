import type { Running } from "@convergence/bus/port.ts";
import type { WriterDeps } from "./deps.ts";
import type { Acts, Input, LoggedEvent, Model } from "./model.ts";
import { PartitionWriter } from "./partition-writer.ts";

export type { WriterDeps } from "./deps.ts";
export type * from "./model.ts";
export { PartitionWriter } from "./partition-writer.ts";
export { isCheckpointKey } from "./snapshot-parts.ts";

/** A running writer of a log: all the partitions that its group gives to this instance. */
export interface LogWriter extends Running {
  /** Writes all snapshots that are due, then leaves the group. */
  stop(): Promise<void>;
}

/** Joins the model's group and writes its log for every partition gained. */
export async function writeLog<S, E extends LoggedEvent, F extends { type: E["type"] }, I extends Input>(
  model: Model<S, E, F, I>,
  acts: Acts<S, E, F>,
  deps: WriterDeps,
): Promise<LogWriter> {
  const lanes = new Map<number, PartitionWriter<S, E, F, I>>();
  const { group, inputs, log, snapshots } = model;
  const running = await deps.bus.own(
    { group, inputs, log, snapshots, member: deps.instance },
    (partition) => {
      for (const [known, { isLost }] of lanes) if (isLost) lanes.delete(known);
      const lane = new PartitionWriter(partition, model, acts, deps);
      lanes.set(partition, lane);
      return lane;
    },
  );
  return {
    failed: running.failed,
    async stop() {
      await Promise.all(
        [...lanes.values()].filter((lane) => !lane.isLost).map((lane) => lane.writeSnapshots()),
      );
      await running.stop();
    },
  };
}
