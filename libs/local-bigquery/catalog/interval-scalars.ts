import { BIGINT, DuckDBIntervalValue, type DuckDBValue, INTERVAL, VARCHAR } from "@duckdb/node-api";
import {
  dividedBy,
  type IntervalValue,
  intervalText,
  justifyDays,
  justifyHours,
  justifyInterval,
  outOfRange,
  readInterval,
} from "../sql/interval-text.ts";
import { raised, type Scalar } from "./scalar.ts";

function read(value: DuckDBValue | undefined): IntervalValue {
  if (value instanceof DuckDBIntervalValue) return value;
  throw new Error("an INTERVAL came as another type");
}

const integer = (value: DuckDBValue | undefined): bigint => BigInt(String(value));

function made(value: IntervalValue): DuckDBIntervalValue {
  const fault = outOfRange(value);
  if (fault !== undefined) throw raised(fault);
  return new DuckDBIntervalValue(value.months, value.days, value.micros);
}

const justify = (how: (value: IntervalValue) => IntervalValue): Scalar => ({
  params: [INTERVAL],
  result: INTERVAL,
  make: (i) => made(how(read(i))),
});

/** a + sign * b, count by count. */
const sum = (sign: 1 | -1): Scalar => ({
  params: [INTERVAL, INTERVAL],
  result: INTERVAL,
  make: (left, right) => {
    const [a, b] = [read(left), read(right)];
    return made({
      months: a.months + sign * b.months,
      days: a.days + sign * b.days,
      micros: a.micros + BigInt(sign) * b.micros,
    });
  },
});

/** INTERVAL values in JavaScript: as DuckDB macros, nested arithmetic would grow exponentially. */
export const INTERVAL_SCALARS: Record<string, Scalar> = {
  bq_make_interval: {
    params: [BIGINT, BIGINT, BIGINT],
    result: INTERVAL,
    make: (months, days, micros) =>
      made({ months: Number(integer(months)), days: Number(integer(days)), micros: integer(micros) }),
  },
  bq_interval_add: sum(1),
  bq_interval_subtract: sum(-1),
  bq_interval_times: {
    params: [INTERVAL, BIGINT],
    result: INTERVAL,
    make: (interval, by) => {
      const [i, n] = [read(interval), integer(by)];
      return made({ months: i.months * Number(n), days: i.days * Number(n), micros: i.micros * n });
    },
  },
  bq_interval_divide: {
    params: [INTERVAL, BIGINT],
    result: INTERVAL,
    make: (interval, by) => {
      if (integer(by) === 0n) throw raised("Interval division by zero");
      const value = dividedBy(read(interval), integer(by));
      if (value) return made(value);
      throw raised("Division of an INTERVAL that leaves part of a microsecond is not supported locally");
    },
  },
  bq_interval_clock: {
    params: [INTERVAL],
    result: BIGINT,
    make: (interval) => {
      const { months, days, micros } = read(interval);
      if (months === 0) return BigInt(days) * 86_400_000_000n + micros;
      throw raised("TIMESTAMP +/- INTERVAL is not supported for intervals with non-zero MONTH or YEAR part.");
    },
  },
  bq_interval_text: { params: [INTERVAL], result: VARCHAR, make: (i) => intervalText(read(i)) },
  bq_to_interval: {
    params: [VARCHAR],
    result: INTERVAL,
    make: (text) => {
      const value = readInterval(String(text));
      if (value) return made(value);
      throw raised(`Invalid INTERVAL value '${text}'`);
    },
  },
  bq_justify_hours: justify(justifyHours),
  bq_justify_days: justify(justifyDays),
  bq_justify_interval: justify(justifyInterval),
};
