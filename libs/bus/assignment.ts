import type { Partition } from "./port.ts";

/** A member of a group as the assignment sees it: `had` is what it holds before this rebalance. */
export interface Candidate {
  id: string;
  had: ReadonlySet<Partition>;
}

/**
 * Shares partitions 0 to `partitions` - 1 out: counts differ by at most one, and what a member had stays with it
 * as far as that allows. The same input gives the same result. Where two had the same partition, the first wins.
 */
export function stickyAssignment(
  partitions: number,
  members: readonly Candidate[],
): Map<string, Set<Partition>> {
  const free = new Set(Array.from({ length: partitions }, (_, p) => p));
  const claims = members.map((member) => ({ id: member.id, kept: claim(member.had, free) }));
  const quota = Math.floor(partitions / Math.max(1, members.length));
  let extras = partitions - quota * members.length;
  // Those that hold most keep the odd ones, so that the fewest partitions move.
  const ordered = claims.toSorted((a, b) => b.kept.length - a.kept.length);
  const shares = ordered.map(({ id, kept }) => {
    const size = quota + (extras-- > 0 ? 1 : 0);
    for (const p of kept.slice(size)) free.add(p);
    return { id, size, held: new Set(kept.slice(0, size)) };
  });
  const open = [...free].sort((a, b) => a - b);
  for (const { size, held } of shares) {
    for (const p of open.splice(0, size - held.size)) held.add(p);
  }
  return new Map(shares.map(({ id, held }) => [id, held]));
}

function claim(had: ReadonlySet<Partition>, free: Set<Partition>): Partition[] {
  const kept = [...had].filter((p) => free.has(p)).sort((a, b) => a - b);
  for (const p of kept) free.delete(p);
  return kept;
}
