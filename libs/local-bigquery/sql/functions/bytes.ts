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
  TO_BASE64: [sig("BYTES", "STRING", (b) => `to_base64(${b})`)],
  FROM_BASE64: [sig("STRING", "BYTES", (s) => `from_base64(${s})`)],
};
