export * from "./acts.ts";
export * from "./api-keys.ts";
export * from "./credentials.ts";
export * from "./evolve.ts";
export * from "./onboard.ts";
export * from "./quota.ts";
export * from "./state.ts";
export * from "./update.ts";
