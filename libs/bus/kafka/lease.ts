import type { Cluster } from "kafkajs";

/**
 * A cluster that is disconnected once nothing uses it any more. To disconnect earlier loses sight of a connection
 * that is just being made (kafkajs forgets its brokers at once, src/cluster/brokerPool.js): it would stay for ever.
 */
export class Lease {
  readonly cluster: Cluster;
  #users = 0;
  #closed = false;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  async use<T>(work: (cluster: Cluster) => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work(this.cluster);
    } finally {
      this.#users--;
      this.#disconnect();
    }
  }

  close(): void {
    this.#closed = true;
    this.#disconnect();
  }

  #disconnect(): void {
    if (this.#closed && this.#users === 0) void this.cluster.disconnect().catch(() => {});
  }
}
