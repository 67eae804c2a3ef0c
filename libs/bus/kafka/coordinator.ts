import type { Broker, Cluster } from "kafkajs";
import { connect } from "./client.ts";
import { errorType } from "./errors.ts";
import { Lease } from "./lease.ts";

/** A member of a classic consumer group as the leader is told of it. */
export interface JoinedMember {
  memberId: string;
  memberMetadata: Buffer;
}

export interface Joined {
  generationId: number;
  leaderId: string;
  memberId: string;
  /** Empty but for the leader. */
  members: JoinedMember[];
}

export interface OffsetToCommit {
  topic: string;
  partitions: { partition: number; offset: string; metadata: string }[];
}

export interface FetchedOffset {
  topic: string;
  /** Offset "-1" where none is committed. */
  partitions: { partition: number; offset: string; metadata: string | null }[];
}

/** The requests of a group that kafkajs' Broker has, but not its types (src/broker/index.js). */
export interface GroupBroker {
  joinGroup(request: {
    groupId: string;
    sessionTimeout: number;
    rebalanceTimeout: number;
    memberId: string;
    groupProtocols: { name: string; metadata: Buffer }[];
  }): Promise<Joined>;
  syncGroup(request: {
    groupId: string;
    generationId: number;
    memberId: string;
    groupAssignment: { memberId: string; memberAssignment: Buffer }[];
  }): Promise<{ memberAssignment: Buffer }>;
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: OffsetToCommit[];
  }): Promise<unknown>;
  offsetFetch(request: {
    groupId: string;
    topics: { topic: string; partitions: { partition: number }[] }[];
  }): Promise<{ responses: FetchedOffset[] }>;
}

/** Failures after which another broker may be the group's coordinator. */
const MOVED = new Set(["NOT_COORDINATOR_FOR_GROUP", "GROUP_COORDINATOR_NOT_AVAILABLE"]);

/** The way to the broker that coordinates a group. */
export class Coordinator {
  readonly groupId: string;
  readonly #lease: Lease;
  readonly #topics: readonly string[];
  #broker: (Broker & GroupBroker) | undefined;

  /** `topics` are what the group reads, by their names on the brokers. */
  constructor(cluster: Cluster, groupId: string, topics: readonly string[]) {
    this.#lease = new Lease(cluster);
    this.#topics = topics;
    this.groupId = groupId;
  }

  /** Asks the coordinator, who is looked for again after it failed. Errors are kafkajs'. */
  async ask<T>(request: (broker: GroupBroker) => Promise<T>): Promise<T> {
    try {
      return await this.#lease.use(async (cluster) => request(await this.#find(cluster)));
    } catch (error) {
      const type = errorType(error);
      if (type === undefined || MOVED.has(type)) this.#broker = undefined;
      throw error;
    }
  }

  close(): void {
    this.#lease.close();
  }

  async #find(cluster: Cluster): Promise<Broker & GroupBroker> {
    if (this.#broker?.isConnected()) return this.#broker;
    await connect(cluster, this.#topics, true);
    const broker = await cluster.findGroupCoordinator({ groupId: this.groupId });
    if (!isGroupBroker(broker)) throw new Error("kafkajs' Broker is not what version 2.2.4 has");
    this.#broker = broker;
    return broker;
  }
}

function isGroupBroker(broker: Broker): broker is Broker & GroupBroker {
  return ["joinGroup", "syncGroup", "heartbeat", "leaveGroup"].every((name) => name in broker);
}
