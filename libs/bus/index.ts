export { BusFileError } from "./embedded/errors.ts";
export type { AppendFault, BusFaults } from "./embedded/faults.ts";
export { type EmbeddedBus, openEmbeddedBus } from "./embedded/open.ts";
export type { EmbeddedBusOptions, Limits } from "./embedded/options.ts";
export * from "./port.ts";
