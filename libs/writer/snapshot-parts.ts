import { type SnapshotPart, UnreadableRecord } from "@convergence/contracts";

/** The most that one snapshot record holds, in bytes: well below what the bus takes (MAX_RECORD_BYTES). */
export const PART_BYTES = 900_000;

/**
 * Keys of the snapshots topic. A tenant's id has neither "@" nor "/", so no tenant's name can be taken for a
 * checkpoint. Each ownership writes under keys of its own.
 */
const CHECKPOINT = "checkpoint/";
export const checkpointKey = (epoch: number): string => `${CHECKPOINT}${epoch}`;
export const isCheckpointKey = (key: string): boolean => key.startsWith(CHECKPOINT);
export const snapshotKey = (tenantId: string, epoch: number): string => `${tenantId}@${epoch}`;
/** A version's parts have keys of their own: a set that is half written never replaces parts of the last whole one. */
const partKey = (tenantId: string, epoch: number, { version, part }: SnapshotPart): string =>
  `${snapshotKey(tenantId, epoch)}/${version}/${part}`;

/** Cuts an encoded snapshot that is too large for one record. */
export function cut(
  tenantId: string,
  version: number,
  epoch: number,
  bytes: Buffer,
): { key: string; part: SnapshotPart }[] {
  const parts = Math.ceil(bytes.length / PART_BYTES);
  return Array.from({ length: parts }, (_, index) => {
    const piece = bytes.subarray(index * PART_BYTES, (index + 1) * PART_BYTES);
    const part: SnapshotPart = {
      type: "SnapshotPart",
      tenant_id: tenantId,
      version,
      part: index,
      parts,
      bytes: piece,
    };
    return { key: partKey(tenantId, epoch, part), part };
  });
}

interface PartSet {
  keys: string[];
  pieces: Map<number, Buffer>;
}

/** Joins parts as they are read. A set that lacks one is nothing. */
export class PartCollector {
  readonly #sets = new Map<string, PartSet>();

  /** The whole snapshot with the keys of its parts, where this was the last one missing. @throws UnreadableRecord */
  add(key: string, { part, parts, bytes }: SnapshotPart): { bytes: Buffer; keys: string[] } | undefined {
    const name = key.slice(0, key.lastIndexOf("/"));
    const set: PartSet = this.#sets.get(name) ?? { keys: [], pieces: new Map() };
    this.#sets.set(name, set);
    if (!set.pieces.has(part)) set.keys.push(key);
    set.pieces.set(part, bytes);
    if (set.pieces.size < parts) return undefined;
    this.#sets.delete(name);
    const pieces = Array.from({ length: parts }, (_, index) => set.pieces.get(index));
    if (!pieces.every((piece) => piece !== undefined)) throw new UnreadableRecord(`parts of ${name} differ`);
    return { bytes: Buffer.concat(pieces), keys: set.keys };
  }

  /** The keys of the sets that lack a part. Forgets them. */
  leftOver(): string[] {
    const keys = [...this.#sets.values()].flatMap((set) => set.keys);
    this.#sets.clear();
    return keys;
  }
}
