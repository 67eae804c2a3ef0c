import { after } from "node:test";
import { describeBusContract } from "../contract-suite.ts";
import { startBroker } from "./testing/broker.ts";
import { FAST_CLEANING, kafkaHarness } from "./testing/harness.ts";

const broker = startBroker({ properties: FAST_CLEANING });
after(async () => (await broker).dispose());

describeBusContract(
  "Kafka",
  kafkaHarness(async () => (await broker).address),
);
