import type { Cluster } from "kafkajs";
import type { Partition } from "../port.ts";
import { byTopic, MAX_ANSWER_BYTES, type Place, type Read, reads } from "./fetch.ts";
import { SESSION_LOST, sendFetch } from "./kafkajs.ts";

/** How long a fetch waits at the broker, in milliseconds, while there are fewer bytes than these to read. */
export interface Patience {
  maxWaitMs: number;
  minBytes: number;
}

/** What the broker knows to be asked for. */
interface Known {
  topic: string;
  partition: Partition;
  offset: number;
}

/**
 * Fetches from one broker, in an incremental fetch session (KIP-227): a request names only the partitions whose place
 * changed, an answer only those with records. A service asks for dozens of partitions and gets records of one or two;
 * kafkajs has no sessions and names every partition, in a topic entry of its own, both ways (measured: three quarters
 * of a service's CPU under a single client). One fetch at a time.
 */
export class FetchSession {
  #id = 0;
  #epoch = 0;
  #known = new Map<string, Known>();

  /** Reads from these places; with too little to read it waits at the broker. Throws if one cannot be read. */
  async fetch(
    cluster: Cluster,
    nodeId: string,
    places: readonly Place[],
    { maxWaitMs, minBytes }: Patience,
  ): Promise<Read[]> {
    const broker = await cluster.findBroker({ nodeId });
    for (;;) {
      const [id, epoch] = [this.#id, this.#epoch];
      const { changed, forgotten } = this.#difference(places);
      const response = await sendFetch(broker, {
        maxWaitTime: maxWaitMs,
        minBytes,
        maxBytes: MAX_ANSWER_BYTES,
        isolationLevel: 0,
        sessionId: id,
        sessionEpoch: epoch,
        topics: byTopic(changed),
        forgottenTopics: namesByTopic(forgotten),
      }).catch((error: unknown) => {
        this.#beginAnew(id);
        throw error;
      });
      if (SESSION_LOST.has(response.errorCode ?? 0)) {
        this.#beginAnew(0);
        continue;
      }
      this.#answered(response.sessionId ?? 0);
      return reads(response);
    }
  }

  /** The next fetch names everything again, and ends the session of this id, if any, in favour of a new one. */
  #beginAnew(id: number): void {
    this.#id = id;
    this.#epoch = 0;
    this.#known.clear();
  }

  /** A broker that has no room for a session answers with 0: then every fetch names everything. */
  #answered(id: number): void {
    if (id === 0) {
      this.#beginAnew(0);
      return;
    }
    this.#id = id;
    // Epochs go round above the largest int32; 0 would begin a session.
    this.#epoch = this.#epoch === 0x7fffffff ? 1 : this.#epoch + 1;
  }

  #difference(places: readonly Place[]): { changed: Place[]; forgotten: Known[] } {
    const wanted = new Map(places.map((place) => [`${place.topic}/${place.partition}`, place]));
    const changed: Place[] = [];
    for (const [key, place] of wanted) {
      if (this.#known.get(key)?.offset !== place.offset) changed.push(place);
    }
    const forgotten = [...this.#known].filter(([key]) => !wanted.has(key)).map(([, known]) => known);
    this.#known = wanted;
    return { changed, forgotten };
  }
}

function namesByTopic(places: readonly Known[]): { topic: string; partitions: Partition[] }[] {
  const topics = new Map<string, Partition[]>();
  for (const { topic, partition } of places) {
    const partitions = topics.get(topic) ?? [];
    topics.set(topic, partitions);
    partitions.push(partition);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}
