// Everything at once, pino and prom-client included; pure parts import clock.ts and random.ts by file.
export * from "./clock.ts";
export * from "./config.ts";
export * from "./data-dir.ts";
export * from "./files.ts";
export * from "./lifecycle.ts";
export * from "./listen.ts";
export * from "./log.ts";
export * from "./metrics.ts";
export * from "./operator-server.ts";
export * from "./random.ts";
export * from "./start-error.ts";
