import assert from "node:assert/strict";
import { test } from "node:test";
import { allowedRanges, mayAsk } from "./addresses.ts";

const none = allowedRanges("");

test("public addresses may be asked", () => {
  for (const address of [
    "8.8.8.8",
    "1.1.1.1",
    "192.0.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700:4700::1111",
  ]) {
    assert.ok(mayAsk(address, none), address);
  }
});

test("addresses that are not public, and what is no address, may not", () => {
  const addresses = [
    ...["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"],
    ...["169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1"],
    ...["192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255"],
    ...["240.0.0.1", "255.255.255.255", "168.63.129.16"],
    ...[
      "::",
      "::1",
      "::127.0.0.1",
      "::ffff:127.0.0.1",
      "::ffff:7f00:1",
      "::ffff:8.8.8.8",
      "::ffff:0:8.8.8.8",
    ],
    ...[
      "64:ff9b::7f00:1",
      "64:ff9b::8.8.8.8",
      "64:ff9b:1::1",
      "100::1",
      "fc00::1",
      "fd00:ec2::254",
      "fe80::1",
    ],
    ...["fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "fe80::1%eth0"],
    ...["2606:4700::1%1", "", "localhost", "1", "0x7f.1"],
  ];
  assert.deepEqual(
    addresses.filter((address) => mayAsk(address, none)),
    [],
  );
});

test("an operator's ranges may be asked too, those of credentials never", () => {
  const allowed = allowedRanges("127.0.0.1, 10.20.0.0/16,fd12:3456::/32");
  for (const address of ["127.0.0.1", "10.20.255.1", "fd12:3456::7", "8.8.8.8"])
    assert.ok(mayAsk(address, allowed));
  for (const address of ["127.0.0.2", "10.21.0.1", "fd12:3457::7"])
    assert.ok(!mayAsk(address, allowed), address);
  const wide = allowedRanges("169.0.0.0/8");
  assert.ok(!mayAsk("169.254.169.254", wide));
  assert.ok(!mayAsk("fd00:ec2::254", allowedRanges("fd00:ec2::/32")));
});

test("faults of the operator's list are told", () => {
  const cases: [text: string, says: RegExp][] = [
    ["10.0.0.0/33", /no range/],
    ["10.0.0.0/", /no range/],
    ["10.0.0.0/8/9", /no range/],
    ["internal.example", /no address/],
    ["0.0.0.0/0", /too wide: at least \/8/],
    ["::/0", /too wide: at least \/32/],
    ["169.254.169.254", /credentials/],
    ["fd00:ec2::254", /credentials/],
  ];
  for (const [text, says] of cases) assert.throws(() => allowedRanges(text), says, text);
});
