import kafkajs from "@convergence/bus/kafka/kafkajs.ts";
import { fingerprintOf } from "@convergence/contracts";
import type { Poison } from "../checker/evidence.ts";
import type { Fault } from "./plan.ts";

type Records = Extract<Fault, { kind: "poison" }>["records"];

/** Puts bytes that no schema reads on the topics, by a producer that knows nothing of the platform. */
export async function putPoison(address: string, records: Records, serial: number): Promise<Poison[]> {
  const { Kafka, logLevel, Partitioners } = kafkajs;
  const client = new Kafka({ brokers: [address], clientId: "chaos-poison", logLevel: logLevel.NOTHING });
  const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  try {
    const put: Poison[] = [];
    for (const [index, { topic, partition, shape }] of records.entries()) {
      const value = unreadable(shape, `${serial}.${index}`);
      const [stored] = await producer.send({
        topic,
        acks: -1,
        messages: [{ key: "poison", value, partition }],
      });
      put.push({ topic, partition, offset: Number(stored?.baseOffset), value: value.toString("hex") });
    }
    return put;
  } finally {
    await producer.disconnect();
  }
}

/** The ways in which bytes are no message; `mark` makes them findable in a dump. */
function unreadable(shape: number, mark: string): Buffer {
  const marker = Buffer.from([0xc3, 0x01]);
  switch (shape) {
    case 0:
      return Buffer.from(`poison ${mark}`);
    case 1:
      return Buffer.alloc(0);
    case 2:
      // A schema that nobody has.
      return Buffer.concat([marker, Buffer.alloc(8, 0xee), Buffer.from(mark)]);
    case 3:
      // A message's head without its body.
      return Buffer.concat([marker, Buffer.from(fingerprintOf("SubmitRun"), "hex")]);
    default:
      // A message of another topic's type, cut short.
      return Buffer.concat([marker, Buffer.from(fingerprintOf("TenantReply"), "hex"), Buffer.from([0x7f])]);
  }
}
