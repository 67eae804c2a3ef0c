const EMPTY = 0xc15d213aa4d7a795n;

const table = Array.from({ length: 256 }, (_, index) => {
  let fingerprint = BigInt(index);
  for (let bit = 0; bit < 8; bit += 1) {
    fingerprint = (fingerprint >> 1n) ^ ((fingerprint & 1n) === 1n ? EMPTY : 0n);
  }
  return fingerprint;
});

/** CRC-64-AVRO of a schema's canonical form (Avro specification 1.11, "Schema Fingerprints"), 8 bytes little-endian. */
export function rabin(text: string): Buffer {
  let fingerprint = EMPTY;
  for (const byte of Buffer.from(text, "utf8")) {
    fingerprint = (fingerprint >> 8n) ^ (table[Number((fingerprint ^ BigInt(byte)) & 0xffn)] ?? 0n);
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(fingerprint);
  return bytes;
}
