/** A time zone: minutes east of UTC, or a name of the IANA database. */
export type Zone = { minutes: number } | { name: string };

/** Names of the database that are no Area/Place; ICU knows others ("PST", "IST"), which the service does not. */
const PLAIN = new Set(
  `CET CST6CDT Cuba EET EST EST5EDT Egypt Eire GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich HST Hongkong Iceland Iran Israel
  Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ NZ-CHAT Navajo PRC PST8PDT Poland Portugal ROC ROK Singapore Turkey
  UCT UTC Universal W-SU WET Zulu`.split(/\s+/),
);

/** Reads the name of a time zone or an offset ("+05:30"); undefined where the service knows no such zone. */
export function readZoneText(text: string): Zone | undefined {
  if (text === "UTC") return { minutes: 0 };
  const offset = /^(?:UTC)?([+-])(\d{1,2})(?::(\d{2}))?$/.exec(text);
  if (!offset) return isName(text) ? { name: text } : undefined;
  const minutes = Number(offset[2]) * 60 + Number(offset[3] ?? 0);
  if (minutes > 14 * 60) return undefined;
  return { minutes: offset[1] === "-" ? -minutes : minutes };
}

function isName(text: string): boolean {
  if (!PLAIN.has(text) && !/^[A-Z][A-Za-z_]+(?:\/[A-Z][\w+-]*)+$/.test(text)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return true;
  } catch {
    return false;
  }
}
