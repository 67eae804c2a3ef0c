import { type Signature, sig } from "../signature.ts";

/** DuckDB's hashes give hexadecimal text; GoogleSQL's give BYTES. */
function hash(name: string): Signature[] {
  return [
    sig("STRING", "BYTES", (s) => `from_hex(${name}(${s}))`),
    sig("BYTES", "BYTES", (b) => `from_hex(${name}(${b}))`),
  ];
}

export const BYTES_FUNCTIONS: Record<string, Signature[]> = {
  SHA256: hash("sha256"),
  SHA1: hash("sha1"),
  MD5: hash("md5"),
  TO_HEX: [sig("BYTES", "STRING", (b) => `lower(hex(${b}))`)],
  FROM_HEX: [
    sig(
      "STRING",
      "BYTES",
      (s) =>
        `CASE WHEN regexp_full_match(${s}, '[0-9a-fA-F]*') THEN from_hex(CASE WHEN length(${s}) % 2 = 1 THEN '0' ELSE '' END || ${s})
        WHEN ${s} IS NOT NULL THEN bq.raise('Failed to decode invalid hexadecimal string: ' || ${s}) END`,
    ),
  ],
  TO_BASE32: [sig("BYTES", "STRING", (b) => `bq_to_base32(${b})`)],
  FROM_BASE32: [
    sig(
      "STRING",
      "BYTES",
      (s) =>
        `CASE WHEN bq_from_base32(${s}) IS NULL AND ${s} IS NOT NULL THEN bq.raise('Failed to decode invalid base32 string') ELSE bq_from_base32(${s}) END`,
    ),
  ],
  SAFE_CONVERT_BYTES_TO_STRING: [
    sig(
      "BYTES",
      "STRING",
      (b) =>
        `CASE WHEN TRY(decode(${b})) IS NULL AND ${b} IS NOT NULL THEN bq.raise('SAFE_CONVERT_BYTES_TO_STRING of bytes that are no UTF-8 is not supported locally') ELSE TRY(decode(${b})) END`,
    ),
  ],
  TO_BASE64: [sig("BYTES", "STRING", (b) => `to_base64(${b})`)],
  FROM_BASE64: [sig("STRING", "BYTES", (s) => `from_base64(${s})`)],
};
