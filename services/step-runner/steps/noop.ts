import { NOTHING_DONE, type StepType } from "./step-type.ts";

/** Does nothing: for tests, benches, and as a joint between steps. */
export const noop: StepType<"noop"> = () => Promise.resolve(NOTHING_DONE);
