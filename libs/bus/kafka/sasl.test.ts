import assert from "node:assert/strict";
import { after, test } from "node:test";
import { text, topic } from "../contract/harness.ts";
import { KafkaBusError, type KafkaSasl } from "./index.ts";
import { startBroker } from "./testing/broker.ts";
import { openOn } from "./testing/harness.ts";

const PASSWORD = "s3cr3t-of-the-test";

const broker = await startBroker({
  properties: {
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:SASL_PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.plaintext.plain.sasl.jaas.config": [
      "org.apache.kafka.common.security.plain.PlainLoginModule required",
      `username="broker" password="${PASSWORD}" user_broker="${PASSWORD}" user_gateway="${PASSWORD}";`,
    ].join(" "),
  },
});
after(() => broker.dispose());

function gateway(password: string): KafkaSasl {
  return { mechanism: "plain", username: "gateway", password };
}

test("a bus with the right password works", async (t) => {
  const log = topic("log", 1);
  const bus = await openOn(broker.address, [log], { sasl: gateway(PASSWORD) });
  t.after(() => bus.close());
  await bus.append([text(log.name, "k", "v")]);
  assert.equal((await bus.ends(log.name)).get(0)?.end, 1);
});

test("a wrong password is refused at once, with what to check and without the password", async () => {
  await assert.rejects(openOn(broker.address, [topic("log", 1)], { sasl: gateway("wrong-one") }), (error) => {
    assert.ok(error instanceof KafkaBusError);
    assert.match(error.remedy, /SASL user/);
    assert.ok(!`${error.message} ${error.remedy} ${error.cause}`.includes("wrong-one"));
    return true;
  });
});
