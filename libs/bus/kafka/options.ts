import type { Clock } from "@convergence/runtime/clock.ts";
import type { Logger } from "@convergence/runtime/log.ts";
import type { SASLOptions } from "kafkajs";
import type { TopicSpec } from "../port.ts";

/** PEM texts; what is absent is Node's default. */
export interface KafkaTls {
  /** Certificates of the authorities that the brokers' certificates are checked against. */
  ca?: string;
  /** The client's own certificate and key, where the brokers ask for them. */
  cert?: string;
  key?: string;
}

/** A user and its password. */
export type KafkaSasl = Extract<SASLOptions, { username: string }>;

/** Bounds and times of a Kafka bus. All times are milliseconds. */
export interface KafkaLimits {
  /** Handed over and unhandled inputs of a lane above which it gets no more (default 1,000). */
  maxUnhandled: number;
  /** Time between something done and its commit (default 100). What is done in between may come again. */
  commitEveryMs: number;
  /** Time until the group counts a silent member out (default 6,000: the broker's own least is 6,000). */
  sessionTimeoutMs: number;
  /** Time between heartbeats (default 300): a member learns of another's joining or leaving by then. */
  heartbeatMs: number;
  /** Time until the group hands an abandoned partition out anew (default 1,000). */
  abandonedMs: number;
  /** How long an idle fetch waits at the broker (default 500). Costs no latency; less costs idle CPU. */
  maxWaitMs: number;
  /** Time until what is asked is rejected as BusUnavailable (default 5,000). */
  reachWithinMs: number;
}

export const DEFAULT_LIMITS: KafkaLimits = {
  maxUnhandled: 1_000,
  commitEveryMs: 100,
  sessionTimeoutMs: 6_000,
  heartbeatMs: 300,
  abandonedMs: 1_000,
  maxWaitMs: 500,
  reachWithinMs: 5_000,
};

export interface KafkaBusOptions {
  /** `host:port` of one broker at least. */
  brokers: readonly string[];
  /** Shown to operators of the brokers. */
  clientId: string;
  topics: readonly TopicSpec[];
  /** Put before each topic's and group's name on the brokers; several platforms may share a cluster. */
  prefix?: string;
  /** Of topics that are made here; absent: the brokers' default. From 3 on, two replicas must store an append. */
  replicationFactor?: number;
  /** True: nothing is made here, topics that are not there are an error. */
  existing?: boolean;
  /** True: encrypted, with Node's certificate authorities. */
  tls?: boolean | KafkaTls;
  sasl?: KafkaSasl;
  clock: Clock;
  log: Logger;
  limits?: Partial<KafkaLimits>;
}
