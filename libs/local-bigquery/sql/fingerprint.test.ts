import assert from "node:assert/strict";
import { test } from "node:test";
import { farmFingerprint } from "./fingerprint.ts";

// From pyfarmhash 0.4.0 (farmhash.fingerprint64), as signed numbers: one of each branch by length.
const KNOWN: [text: string, fingerprint: bigint][] = [
  ["", -7286425919675154353n],
  ["T", 1366698271136253306n],
  ["The", -8824672173256051715n],
  ["The ", -797828528184215899n],
  ["The qui", -343606922379908217n],
  ["The quic", 5102859526078303239n],
  ["The quick brown", 9032017524180936103n],
  ["The quick brown ", 4320848957565769301n],
  ["The quick brown f", -4061352233596342851n],
  ["The quick brown fox jumps over t", -5307099777350626718n],
  ["The quick brown fox jumps over th", -981808865693223978n],
  ["The quick brown fox jumps over the lazy dog, and then it does so", -7912561670479570090n],
  ["The quick brown fox jumps over the lazy dog, and then it does so ", 5934144342123354108n],
  [
    "The quick brown fox jumps over the lazy dog, and then it does so again and again until the day is over: naïve Ünïcode. The quic",
    -2507759692274435718n,
  ],
  [
    "The quick brown fox jumps over the lazy dog, and then it does so again and again until the day is over: naïve Ünïcode. The quick",
    -7056829877483716702n,
  ],
  [
    "The quick brown fox jumps over the lazy dog, and then it does so again and again until the day is over: naïve Ünïcode. The quick ",
    464614650241118563n,
  ],
  [
    "The quick brown fox jumps over the lazy dog, and then it does so again and again until the day is over: naïve Ünïcode. The quick brown fox jumps over the lazy dog, and then it does so again and again ",
    1597897812461651560n,
  ],
];

test("fingerprints are FarmHash's, for every branch of length", () => {
  for (const [text, fingerprint] of KNOWN)
    assert.equal(farmFingerprint(Buffer.from(text)), fingerprint, text);
});
