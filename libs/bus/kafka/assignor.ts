import { stickyAssignment } from "../assignment.ts";
import type { Partition } from "../port.ts";
import type { JoinedMember } from "./coordinator.ts";
import kafkajs from "./kafkajs.ts";

/** The name of the way in which the partitions are shared out; a group's members must all know it. */
export const PROTOCOL = "convergence-sticky-1";

const VERSION = 0;
const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;

/** What a member tells the group's leader: what it reads, and which partitions it holds. */
export function subscription(topics: readonly string[], had: Iterable<Partition>): Buffer {
  const userData = Buffer.from(JSON.stringify([...had].sort((a, b) => a - b)));
  return MemberMetadata.encode({ version: VERSION, topics: [...topics], userData });
}

/**
 * The leader's part: shares the partitions 0 to `partitions` - 1 out, all topics' alike, so that who has a partition
 * of one topic has it of all.
 */
export function shareOut(members: readonly JoinedMember[], topics: readonly string[], partitions: number) {
  const candidates = members
    .map(({ memberId, memberMetadata }) => ({ id: memberId, had: hadBy(memberMetadata) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return [...stickyAssignment(partitions, candidates)].map(([memberId, held]) => {
    const assignment = Object.fromEntries(topics.map((topic) => [topic, [...held]]));
    const userData = Buffer.alloc(0);
    return {
      memberId,
      memberAssignment: MemberAssignment.encode({ version: VERSION, assignment, userData }),
    };
  });
}

/** The partitions that a member is given: the same of each topic. */
export function assigned(memberAssignment: Buffer, topics: readonly string[]): Set<Partition> {
  const decoded = memberAssignment.length > 0 ? MemberAssignment.decode(memberAssignment) : null;
  return new Set(decoded?.assignment[topics[0] ?? ""] ?? []);
}

function hadBy(memberMetadata: Buffer): Set<Partition> {
  try {
    const had: unknown = JSON.parse(MemberMetadata.decode(memberMetadata)?.userData.toString() ?? "[]");
    return new Set(Array.isArray(had) ? had.filter((p) => Number.isInteger(p)) : []);
  } catch {
    return new Set();
  }
}
