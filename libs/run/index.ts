export * from "./cancel.ts";
export * from "./concurrency.ts";
export { endRun } from "./ending.ts";
export * from "./evolve.ts";
export * from "./progress.ts";
export * from "./snapshot.ts";
export * from "./state.ts";
export * from "./submit.ts";
export * from "./time-out.ts";
