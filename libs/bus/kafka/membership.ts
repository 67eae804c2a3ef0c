import type { Clock, Timer } from "@convergence/runtime/clock.ts";
import type { Logger } from "@convergence/runtime/log.ts";
import type { Partition } from "../port.ts";
import { assigned, PROTOCOL, shareOut, subscription } from "./assignor.ts";
import type { Coordinator } from "./coordinator.ts";
import { errorType, isPassing } from "./errors.ts";
import type { KafkaLimits } from "./options.ts";
import { Outage } from "./reach.ts";

/** Errors by which the group says that it went on without this member. */
const COUNTED_OUT = new Set(["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID"]);

/** How long a leaving member waits for a join that is under way, and then for the group to take its leave. */
const LEAVE_WITHIN_MS = 1_000;

/** What proves a member's place in the group. */
export interface Standing {
  memberId: string;
  generation: number;
}

/** What a member does about what it holds. */
export interface GroupDuties {
  /** What it holds now. */
  held(): Iterable<Partition>;
  /** The group is about to share out anew: last commits under the present generation. */
  rebalancing(): Promise<void>;
  /** What it holds from now on. */
  assigned(held: ReadonlySet<Partition>): void;
  /** It holds nothing any more, and did not for a while: others may have had all of it. */
  countedOut(why: string): void;
  /** No later try will mend this. */
  fail(error: unknown): void;
}

export interface MembershipOptions {
  clock: Clock;
  log: Logger;
  limits: KafkaLimits;
  /** The topics on the brokers, and the partition count of each. */
  topics: readonly string[];
  partitions: number;
  /** Resolves once the topics are there. */
  ready: Promise<void>;
}

/**
 * A member's life in a classic consumer group: join, sync, heartbeats, and again at each rebalance; leave. What was
 * held is kept only from one generation to the very next one: where a generation passed without this member, others
 * may have owned and left its partitions, so it begins anew.
 */
export class Membership {
  readonly #coordinator: Pick<Coordinator, "groupId" | "ask">;
  readonly #options: MembershipOptions;
  readonly #duties: GroupDuties;
  readonly #outage: Outage;
  #memberId = "";
  #generation: number | undefined;
  #standing: Standing | undefined;
  #waiting: PromiseWithResolvers<Standing> | undefined;
  #rejoin = false;
  #over = false;
  #pause: { timer: Timer; wake(): void } | undefined;
  #running: Promise<void> | undefined;

  constructor(
    coordinator: Pick<Coordinator, "groupId" | "ask">,
    options: MembershipOptions,
    duties: GroupDuties,
  ) {
    this.#coordinator = coordinator;
    this.#options = options;
    this.#duties = duties;
    const group = coordinator.groupId;
    this.#outage = new Outage(options.clock, {
      away: (why) => options.log.warn({ group, why }, "the Kafka group cannot be reached: trying on"),
      back: () => options.log.info({ group }, "the Kafka group is reached again"),
    });
  }

  start(): void {
    this.#running = this.#run();
  }

  /** The present standing; while the group shares out anew, the next one. */
  standing(): Promise<Standing> {
    if (this.#standing) return Promise.resolve(this.#standing);
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Lets the group share out anew, e.g. what this member gave up. */
  rejoin(): void {
    this.#rejoin = true;
    this.#wake();
  }

  /** Looks after the group's state now rather than at the next heartbeat. */
  check(): void {
    this.#wake();
  }

  /**
   * What the failure of a request under `standing` means: "lost", the group went on without this member, and what
   * was held is lost by now; "old", the member has gone on to another standing meanwhile; "other" for the rest.
   */
  refused(standing: Standing, error: unknown): "lost" | "old" | "other" {
    const type = errorType(error);
    if (type === undefined || !COUNTED_OUT.has(type)) return "other";
    if (this.#standing !== standing) return "old";
    this.#countedOut(type);
    this.#wake();
    return "lost";
  }

  /** Leaves the group; `last` is done before, and told whether the group counts this member now. */
  async leave(last: (counted: boolean) => Promise<void>): Promise<void> {
    this.#over = true;
    this.#wake();
    await Promise.race([this.#running, this.#sleep(LEAVE_WITHIN_MS)]);
    await last(this.#standing !== undefined);
    this.#standing = undefined;
    const { groupId } = this.#coordinator;
    const memberId = this.#memberId;
    if (memberId === "") return;
    const left = this.#coordinator.ask((broker) => broker.leaveGroup({ groupId, memberId })).catch(() => {});
    await Promise.race([left, this.#sleep(LEAVE_WITHIN_MS)]);
  }

  async #run(): Promise<void> {
    try {
      await this.#options.ready;
    } catch (error) {
      this.#over = true;
      this.#duties.fail(error);
    }
    while (!this.#over) {
      try {
        if (!this.#standing) await this.#join();
        else await this.#stay(this.#standing);
        this.#outage.worked();
      } catch (error) {
        await this.#failed(error);
      }
    }
  }

  async #join(): Promise<void> {
    const { groupId } = this.#coordinator;
    const { topics, partitions, limits } = this.#options;
    this.#rejoin = false;
    const joined = await this.#coordinator.ask((broker) =>
      broker.joinGroup({
        groupId,
        sessionTimeout: limits.sessionTimeoutMs,
        rebalanceTimeout: limits.sessionTimeoutMs,
        memberId: this.#memberId,
        groupProtocols: [{ name: PROTOCOL, metadata: subscription(topics, this.#duties.held()) }],
      }),
    );
    const { memberId, generationId } = joined;
    this.#memberId = memberId;
    const leads = joined.leaderId === memberId;
    const { memberAssignment } = await this.#coordinator.ask((broker) =>
      broker.syncGroup({
        groupId,
        generationId,
        memberId,
        groupAssignment: leads ? shareOut(joined.members, topics, partitions) : [],
      }),
    );
    if (generationId - (this.#generation ?? generationId) > 1) {
      this.#duties.countedOut("a generation of the group passed without this member");
    }
    this.#generation = generationId;
    this.#standing = { memberId, generation: generationId };
    this.#options.log.debug({ group: groupId, ...this.#standing, leads }, "joined the group");
    if (!this.#over) this.#duties.assigned(assigned(memberAssignment, topics));
    this.#waiting?.resolve(this.#standing);
    this.#waiting = undefined;
  }

  /** Until the next heartbeat, and that. */
  async #stay(standing: Standing): Promise<void> {
    if (!this.#rejoin) await this.#sleep(this.#options.limits.heartbeatMs);
    if (this.#over || this.#standing !== standing) return;
    if (!this.#rejoin) {
      const { groupId } = this.#coordinator;
      const { memberId, generation } = standing;
      try {
        await this.#coordinator.ask((b) => b.heartbeat({ groupId, groupGenerationId: generation, memberId }));
        return;
      } catch (error) {
        if (this.#standing !== standing) return;
        if (errorType(error) !== "REBALANCE_IN_PROGRESS") throw error;
      }
    }
    await this.#duties.rebalancing();
    if (this.#standing === standing && !this.#over) this.#standing = undefined;
  }

  async #failed(error: unknown): Promise<void> {
    const type = errorType(error);
    if (type === "REBALANCE_IN_PROGRESS") return;
    if (type !== undefined && COUNTED_OUT.has(type)) {
      this.#countedOut(type);
    } else if (isPassing(error)) {
      if (!this.#over) await this.#outage.failed(error);
    } else {
      this.#over = true;
      this.#duties.fail(error);
    }
  }

  #countedOut(type: string): void {
    if (type !== "ILLEGAL_GENERATION") this.#memberId = "";
    this.#generation = undefined;
    this.#standing = undefined;
    this.#duties.countedOut(`the group went on without this member (${type})`);
  }

  #wake(): void {
    this.#pause?.timer.clear();
    this.#pause?.wake();
  }

  /** Sleeps until woken. */
  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pause = { wake: resolve, timer: this.#options.clock.after(ms, resolve) };
    });
  }
}
