/** The digit of each consonant; letters without one neither count nor part two of the same digit. */
const DIGITS: Record<string, string> = {};
for (const [digit, letters] of Object.entries({ 1: "bfpv", 2: "cgjkqsxz", 3: "dt", 4: "l", 5: "mn", 6: "r" }))
  for (const letter of letters) DIGITS[letter] = digit;

/** SOUNDEX: the first letter and three digits for the sounds after it; "" where there is no letter. */
export function soundex(text: string): string {
  const [first, ...rest] = text.replace(/[^A-Za-z]/g, "");
  if (first === undefined) return "";
  let code = first;
  let last = DIGITS[first.toLowerCase()];
  for (const letter of rest) {
    const digit = DIGITS[letter.toLowerCase()];
    if (digit === undefined || digit === last) continue;
    code += digit;
    last = digit;
  }
  return code.slice(0, 4).padEnd(4, "0");
}
