/** What a broker of one node needs: the defaults of internal topics ask for three. */
export const SINGLE_NODE: Readonly<Record<string, string>> = {
  "offsets.topic.replication.factor": "1",
  "offsets.topic.num.partitions": "4",
  "transaction.state.log.replication.factor": "1",
  "transaction.state.log.min.isr": "1",
  "share.coordinator.state.topic.replication.factor": "1",
  "share.coordinator.state.topic.min.isr": "1",
  "auto.create.topics.enable": "false",
  // The first member of a group need not wait for others to come.
  "group.initial.rebalance.delay.ms": "0",
  "group.min.session.timeout.ms": "1000",
  // The default (128 MB) is a large part of a small heap.
  "log.cleaner.dedupe.buffer.size": "20000000",
};
