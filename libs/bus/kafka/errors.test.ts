import assert from "node:assert/strict";
import { test } from "node:test";
import { BusUnavailable } from "../port.ts";
import { asBusError, errorType, isPassing } from "./errors.ts";
import kafkajs from "./kafkajs.ts";

const protocolError = (type: string, retriable: boolean) =>
  Object.assign(new kafkajs.KafkaJSProtocolError(new Error(type)), { type, retriable });

test("connection errors pass, also behind the last retry, and become BusUnavailable", () => {
  const refused = new kafkajs.KafkaJSConnectionError("connect ECONNREFUSED");
  const given = new kafkajs.KafkaJSNumberOfRetriesExceeded(refused, { retryCount: 0, retryTime: 50 });
  for (const error of [refused, given]) {
    assert.equal(isPassing(error), true);
    const mapped = asBusError("asking", error);
    assert.ok(mapped instanceof BusUnavailable);
    assert.match(mapped.message, /asking: .*ECONNREFUSED/);
    assert.equal(mapped.cause, error);
  }
});

test("retriable protocol errors pass, others do not, and keep their type when wrapped", () => {
  const notLeader = protocolError("NOT_LEADER_FOR_PARTITION", true);
  const denied = protocolError("TOPIC_AUTHORIZATION_FAILED", false);
  assert.equal(isPassing(notLeader), true);
  assert.equal(isPassing(denied), false);
  assert.equal(asBusError("asking", denied), denied);
  assert.equal(errorType(new Error("x", { cause: denied })), "TOPIC_AUTHORIZATION_FAILED");
  assert.equal(errorType(new Error("x")), undefined);
});

test("a failure among several of one request tells what it is", () => {
  const several = Object.assign(new Error("Topic creation errors"), {
    errors: [protocolError("REQUEST_TIMED_OUT", true)],
  });
  assert.equal(isPassing(several), true);
  assert.equal(errorType(several), "REQUEST_TIMED_OUT");
});

test("a programming error is none of the brokers'", () => {
  assert.equal(isPassing(new TypeError("x is not a function")), false);
  assert.equal(isPassing("text"), false);
});
