import type { Partition, TopicSpec } from "../port.ts";

/** A declared topic. */
export interface Topic {
  readonly spec: TopicSpec;
  /** Its name on the brokers. */
  readonly stored: string;
}

/** The topics that this bus was opened with. */
export class Topics {
  readonly #byName: ReadonlyMap<string, Topic>;

  /** @throws TypeError for a partition count that cannot be. */
  constructor(specs: readonly TopicSpec[], prefix: string) {
    for (const { name, partitions } of specs) {
      if (Number.isInteger(partitions) && partitions >= 1) continue;
      throw new TypeError(`topic "${name}": partitions must be a positive integer, not ${partitions}`);
    }
    this.#byName = new Map(specs.map((spec) => [spec.name, { spec, stored: `${prefix}${spec.name}` }]));
  }

  all(): Topic[] {
    return [...this.#byName.values()];
  }

  /** @throws TypeError for a topic that was not declared. */
  get(name: string): Topic {
    const topic = this.#byName.get(name);
    if (!topic) throw new TypeError(`unknown topic "${name}": declare it when the bus is opened`);
    return topic;
  }

  /** @throws TypeError for an unknown topic or a partition that it does not have. */
  checked(name: string, partition: Partition): Topic {
    const topic = this.get(name);
    const { partitions } = topic.spec;
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitions) {
      throw new TypeError(`topic "${name}" has partitions 0 to ${partitions - 1}, not ${partition}`);
    }
    return topic;
  }
}

/** All partitions of a topic, in order. */
export function partitionsOf(topic: Topic): Partition[] {
  return Array.from({ length: topic.spec.partitions }, (_, partition) => partition);
}
