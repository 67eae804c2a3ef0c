/** How the parser spells calls that it knows: its node kind, the function, and which parts are the arguments. */
interface Spelling {
  name: string;
  args: string[];
  /** Parts that say nothing more. */
  ignored?: string[];
}

const one = (name: string): Spelling => ({ name, args: ["this"], ignored: ["name"] });
const two = (name: string): Spelling => ({ name, args: ["this", "expression"] });

export const SPELLINGS: Record<string, Spelling> = {
  abs: one("ABS"),
  round: { name: "ROUND", args: ["this", "decimals"] },
  ceil: one("CEIL"),
  floor: one("FLOOR"),
  sqrt: one("SQRT"),
  power: two("POW"),
  exp: one("EXP"),
  ln: one("LN"),
  log: { name: "LOG", args: ["this", "base"] },
  mod_func: two("MOD"),
  safe_divide: two("SAFE_DIVIDE"),
  rand: { name: "RAND", args: [] },
  upper: one("UPPER"),
  lower: one("LOWER"),
  trim: { name: "TRIM", args: ["this", "characters"], ignored: ["position"] },
  length: one("LENGTH"),
  substring: { name: "SUBSTR", args: ["this", "start", "length"] },
  starts_with: two("STARTS_WITH"),
  ends_with: two("ENDS_WITH"),
  str_position: { name: "STRPOS", args: ["this", "substr"] },
  initcap: one("INITCAP"),
  array_length: one("ARRAY_LENGTH"),
  array_reverse: one("ARRAY_REVERSE"),
  timestamp: { name: "TIMESTAMP", args: ["this", "zone"], ignored: ["with_tz"] },
  last_day: one("LAST_DAY"),
  json_value: { name: "JSON_VALUE", args: ["this", "path"] },
  json_query: { name: "JSON_QUERY", args: ["this", "path"] },
  json_extract: { name: "JSON_EXTRACT", args: ["this", "path"] },
  json_extract_scalar: { name: "JSON_EXTRACT_SCALAR", args: ["this", "path"] },
  parse_json: one("PARSE_JSON"),
  to_json: one("TO_JSON"),
  json_type: one("JSON_TYPE"),
  json_keys: one("JSON_KEYS"),
  nvl: two("NVL"),
  sin: one("SIN"),
  cos: one("COS"),
  tan: one("TAN"),
  atan: one("ATAN"),
  atan2: two("ATAN2"),
  sinh: one("SINH"),
  cosh: one("COSH"),
  tanh: one("TANH"),
  cbrt: one("CBRT"),
  asin: one("ASIN"),
  acos: one("ACOS"),
  asinh: one("ASINH"),
  acosh: one("ACOSH"),
  atanh: one("ATANH"),
  j_s_o_n_array: { name: "JSON_ARRAY", args: ["expressions"] },
};
