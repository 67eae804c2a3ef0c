const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Base32 of RFC 4648, padded. */
export function toBase32(bytes: Uint8Array): string {
  let bits = "";
  for (const byte of bytes) bits += byte.toString(2).padStart(8, "0");
  const digits = bits.match(/.{1,5}/g) ?? [];
  const text = digits.map((d) => BASE32[Number.parseInt(d.padEnd(5, "0"), 2)]).join("");
  return text.padEnd(Math.ceil(text.length / 8) * 8, "=");
}

/** The bytes of padded base32, or undefined where it is none. */
export function fromBase32(text: string): Uint8Array | undefined {
  const digits = text.replace(/=*$/, "");
  if (text.length % 8 !== 0 || !/^[A-Z2-7]*$/.test(digits) || ![0, 2, 4, 5, 7].includes(digits.length % 8))
    return undefined;
  const bits = [...digits].map((d) => BASE32.indexOf(d).toString(2).padStart(5, "0")).join("");
  const whole = bits.match(/.{8}/g) ?? [];
  return Uint8Array.from(whole, (b) => Number.parseInt(b, 2));
}

/** INITCAP: the first letter after a delimiter (or at the start) upper case, the others lower case. */
export function initcap(text: string, delimiters: string): string {
  let starts = true;
  let made = "";
  for (const character of text) {
    made += starts ? character.toUpperCase() : character.toLowerCase();
    starts = delimiters.includes(character);
  }
  return made;
}
