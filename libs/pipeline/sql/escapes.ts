/** Escape sequences of GoogleSQL's string literals and quoted names. */

const SIMPLE: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "?": "?",
  '"': '"',
  "'": "'",
  "`": "`",
};
const ESCAPE = /\\(?:([0-3][0-7]{2})|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S])|$)/g;

/** The text that a literal's inside stands for, or the offset of an escape that GoogleSQL does not know. */
export function readEscapes(inner: string): { text: string } | { badEscapeAt: number } {
  let badEscapeAt = -1;
  const text = inner.replace(
    ESCAPE,
    (
      whole: string,
      octal?: string,
      hex?: string,
      short?: string,
      long?: string,
      simple?: string,
      at?: number,
    ) => {
      const code =
        octal !== undefined ? Number.parseInt(octal, 8) : Number.parseInt(hex ?? short ?? long ?? "", 16);
      if (!Number.isNaN(code) && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)) {
        return String.fromCodePoint(code);
      }
      const known = simple === undefined ? undefined : SIMPLE[simple];
      if (known === undefined && badEscapeAt < 0) badEscapeAt = at ?? 0;
      return known ?? whole;
    },
  );
  return badEscapeAt < 0 ? { text } : { badEscapeAt };
}
