import assert from "node:assert/strict";
import { test } from "node:test";
import { settle, VirtualClock } from "../embedded/testing/virtual-time.ts";
import type { GroupBroker } from "./coordinator.ts";
import kafkajs from "./kafkajs.ts";
import { Membership } from "./membership.ts";
import { DEFAULT_LIMITS } from "./options.ts";
import { testLog } from "./testing/harness.ts";

const HEARTBEAT_MS = DEFAULT_LIMITS.heartbeatMs;

function refusal(type: string): Error {
  return Object.assign(new Error(type), { type, retriable: false });
}

/** A group that shares out as it is told, and a member of it that writes down what happens to it. */
function group() {
  const clock = new VirtualClock();
  const events: string[] = [];
  const state = {
    generation: 0,
    partitions: [0, 1],
    heartbeat: undefined as string | undefined,
    left: false,
  };
  const held = new Set<number>();
  const broker: GroupBroker = {
    async joinGroup() {
      state.heartbeat = undefined;
      return { generationId: ++state.generation, leaderId: "other", memberId: "me", members: [] };
    },
    async syncGroup() {
      const assignment = { topic: state.partitions };
      const userData = Buffer.alloc(0);
      return {
        memberAssignment: kafkajs.AssignerProtocol.MemberAssignment.encode({
          version: 0,
          assignment,
          userData,
        }),
      };
    },
    async heartbeat() {
      if (state.heartbeat !== undefined) throw refusal(state.heartbeat);
    },
    async leaveGroup() {
      state.left = true;
    },
    offsetCommit: async () => {},
    offsetFetch: async () => ({ responses: [] }),
  };
  const coordinator = {
    groupId: "group",
    ask: <T>(request: (asked: GroupBroker) => Promise<T>) => request(broker),
  };
  const hold = (partitions: Iterable<number>) => {
    held.clear();
    for (const partition of partitions) held.add(partition);
  };
  const options = {
    clock,
    log: testLog(),
    limits: DEFAULT_LIMITS,
    topics: ["topic"],
    partitions: 2,
    ready: Promise.resolve(),
  };
  const membership = new Membership(coordinator, options, {
    held: () => held,
    async rebalancing() {
      events.push("rebalancing");
    },
    assigned(given) {
      hold(given);
      events.push(`holds ${[...given]}`);
    },
    countedOut() {
      hold([]);
      events.push("counted out");
    },
    fail: (error) => events.push(`failed: ${error}`),
  });
  membership.start();
  return { clock, events, state, membership };
}

test("what is held is kept over a rebalance in which the member took part", async () => {
  const { clock, events, state } = group();
  await settle();
  state.heartbeat = "REBALANCE_IN_PROGRESS";
  await clock.advance(HEARTBEAT_MS);
  await settle();
  assert.deepEqual(events, ["holds 0,1", "rebalancing", "holds 0,1"]);
});

test("where a generation passed without the member, it begins anew", async () => {
  const { clock, events, state } = group();
  await settle();
  state.heartbeat = "REBALANCE_IN_PROGRESS";
  state.generation++;
  await clock.advance(HEARTBEAT_MS);
  await settle();
  assert.deepEqual(events, ["holds 0,1", "rebalancing", "counted out", "holds 0,1"]);
});

test("a member that the group does not know any more holds nothing, and joins anew", async () => {
  const { clock, events, state } = group();
  await settle();
  state.heartbeat = "UNKNOWN_MEMBER_ID";
  await clock.advance(HEARTBEAT_MS);
  await settle();
  assert.deepEqual(events, ["holds 0,1", "counted out", "holds 0,1"]);
});

test("the refusal of an old standing says nothing of the present one", async () => {
  const { clock, events, state, membership } = group();
  await settle();
  const old = await membership.standing();
  state.heartbeat = "REBALANCE_IN_PROGRESS";
  await clock.advance(HEARTBEAT_MS);
  await settle();
  const present = await membership.standing();
  assert.equal(membership.refused(old, refusal("ILLEGAL_GENERATION")), "old");
  assert.equal(membership.refused(present, refusal("REBALANCE_IN_PROGRESS")), "other");
  assert.equal(events.at(-1), "holds 0,1");
  assert.equal(membership.refused(present, refusal("ILLEGAL_GENERATION")), "lost");
  assert.equal(events.at(-1), "counted out");
});

test("what no later try mends fails the member", async () => {
  const { clock, events, state } = group();
  await settle();
  state.heartbeat = "GROUP_AUTHORIZATION_FAILED";
  await clock.advance(HEARTBEAT_MS);
  await settle();
  assert.deepEqual(events.slice(1), ["failed: Error: GROUP_AUTHORIZATION_FAILED"]);
});

test("a leaving member does last things while the group still counts it", async () => {
  const { state, membership } = group();
  await settle();
  let last: { counted: boolean; left: boolean } | undefined;
  await membership.leave(async (counted) => {
    last = { counted, left: state.left };
  });
  assert.deepEqual(last, { counted: true, left: false });
  assert.equal(state.left, true);
});
