export { KafkaBusError } from "./errors.ts";
export { type KafkaBus, openKafkaBus } from "./open.ts";
export type { KafkaBusOptions, KafkaLimits, KafkaSasl, KafkaTls } from "./options.ts";
