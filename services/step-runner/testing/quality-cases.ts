/** Each check with hand-made tables: one that it holds for, and one that it fails for. */
/** A column list and rows of `good`, a table that every check below holds for. */
export const COLUMNS =
  "id INT64, twin INT64, day DATE, starts TIMESTAMP, ends TIMESTAMP, currency STRING, share_a FLOAT64, share_b FLOAT64, cost NUMERIC, tags JSON, service STRUCT<id STRING, description STRING>, labels ARRAY<STRING>";

/** A row: its id, its day in November 2025, and what is not as usual. */
export function row(id: number, day: number, but: Partial<Record<string, string>> = {}): string {
  const date = `2025-11-${String(day).padStart(2, "0")}`;
  const usual: Record<string, string> = {
    id: String(id),
    twin: String(id),
    day: `DATE '${date}'`,
    starts: `TIMESTAMP '${date} 00:00:00Z'`,
    ends: `TIMESTAMP '${date} 12:00:00Z'`,
    currency: "'USD'",
    share_a: "0.1",
    share_b: "0.9",
    cost: "NUMERIC '1.5'",
    tags: "JSON '{}'",
    service: "STRUCT('s1', 'Run')",
    labels: "['a']",
  };
  return `(${Object.entries({ ...usual, ...but })
    .map(([, value]) => value)
    .join(", ")})`;
}

/** What a row of NULLs alone has in place of the usual. */
export const NOTHING = Object.fromEntries(
  "id twin day starts ends currency share_a share_b cost tags service"
    .split(" ")
    .map((name) => [name, "NULL"]),
);

export interface Case {
  /** The check, as a template writes it in braces. */
  check: string;
  /** One on the same table that fails, or a table of rows on which the check fails. */
  bad: string | string[];
  failed: number;
  /** What a sample shows. */
  sample?: string | Record<string, string | number | null>;
  /** Whether it holds for a table without rows, and for one of NULLs alone. */
  empty?: boolean;
  nulls?: boolean;
}

export const GOOD = [row(1, 1), row(2, 2), row(3, 3)];

export const CASES: Case[] = [
  {
    check: "not_null, columns: [id, service.description]",
    bad: [...GOOD, row(4, 4, { service: "STRUCT('s1', NULL)" }), row(5, 4, { id: "NULL" })],
    failed: 2,
    sample: { id: 4, service_description: null },
    nulls: false,
  },
  {
    check: "not_empty, column: currency",
    bad: [...GOOD, row(4, 4, { currency: "' '" })],
    failed: 1,
    sample: { currency: " " },
  },
  { check: "unique, column: id", bad: [...GOOD, row(3, 4)], failed: 2, sample: { id: 3 } },
  { check: "unique, column: twin", bad: "unique, column: share_a", failed: 3, sample: { share_a: 0.1 } },
  {
    check: "unique_combination, columns: [day, id]",
    bad: [...GOOD, row(3, 3), row(3, 4)],
    failed: 2,
    sample: { day: "2025-11-03", id: 3 },
    nulls: false,
  },
  {
    check: "columns_exist, columns: [ID, labels, service.id]",
    bad: "columns_exist, columns: [id, nope, service.nope]",
    failed: 2,
    sample: "nope is missing",
  },
  {
    check: "column_type, column: labels, is: ARRAY",
    bad: "column_type, column: day, is: TIMESTAMP",
    failed: 1,
    sample: "day is DATE",
  },
  {
    check: "accepted_values, column: currency, values: [USD, EUR]",
    bad: [...GOOD, row(4, 4, { currency: "'usd'" })],
    failed: 1,
    sample: { currency: "usd" },
  },
  {
    check: "accepted_values, column: twin, values: [1, 2, 3]",
    bad: "accepted_values, column: twin, values: [1.5, 2]",
    failed: 2,
    sample: { twin: 1 },
  },
  {
    check: "relationships, column: id, to: other, field: id",
    bad: [...GOOD, row(9, 4)],
    failed: 1,
    sample: { id: 9 },
  },
  {
    check: "null_share, column: currency, max: 0.25",
    bad: [...GOOD, row(4, 4, { currency: "NULL" }), row(5, 5, { currency: "NULL" })],
    failed: 2,
    nulls: false,
  },
  {
    check: "expression, expression: cost >= 0 AND id < {least}",
    bad: "expression, expression: id < 3",
    failed: 1,
    sample: { twin: 3 },
  },
  {
    check: "value_range, column: cost, min: 0.5, max: 2",
    bad: [...GOOD, row(4, 4, { cost: "NUMERIC '-1'" })],
    failed: 1,
    sample: { cost: -1 },
  },
  {
    check: "value_range, column: day, min: 2025-11-01",
    bad: 'value_range, column: starts, max: "2025-11-02T00:00:00Z"',
    failed: 1,
    sample: { starts: "2025-11-03T00:00:00Z" },
  },
  {
    check: "row_count_equals, to: other, where: id < 4",
    bad: "row_count_equals, to: other",
    failed: 2,
    empty: false,
    nulls: false,
  },
  { check: "row_count, min: 1, max: 3", bad: [...GOOD, row(4, 4)], failed: 1, empty: false },
  {
    check: 'regex, column: currency, pattern: "^[A-Z]{{3}}$"',
    bad: [...GOOD, row(4, 4, { currency: "'US'" })],
    failed: 1,
    sample: { currency: "US" },
  },
  {
    check: "no_overlap, start: starts, end: ends, by: [currency]",
    bad: [...GOOD, row(4, 3)],
    failed: 1,
    sample: { currency: "USD", starts: "2025-11-03T00:00:00Z", ends: "2025-11-03T12:00:00Z" },
  },
  { check: "no_overlap, start: starts, end: ends", bad: [row(1, 1, { ends: "NULL" }), row(2, 2)], failed: 1 },
  {
    check: "freshness, column: ends, max_age_hours: 1000000",
    bad: "freshness, column: day, max_age_hours: 1",
    failed: 1,
    empty: false,
    nulls: false,
  },
  {
    check: "aggregate, aggregate: SUM(cost), equals: 4.5",
    bad: "aggregate, aggregate: SUM(cost), equals: 4.6",
    failed: 1,
    empty: false,
    nulls: false,
  },
  {
    check: "aggregate, aggregate: SUM(cost), equals: 4.6, tolerance: 0.1",
    bad: "aggregate, aggregate: SUM(cost), equals: 4.6, tolerance: 0.09",
    failed: 1,
    empty: false,
    nulls: false,
  },
  {
    check: "aggregate, aggregate: SUM(cost), equals: 5, tolerance: 10%",
    bad: "aggregate, aggregate: SUM(cost), equals: 5, tolerance: 9%",
    failed: 1,
    empty: false,
    nulls: false,
  },
  {
    check: "aggregate, aggregate: COUNT(*) + 2, equals_query: SELECT COUNT(*) FROM other; -- all",
    bad: "aggregate, aggregate: COUNT(*), equals_query: SELECT COUNT(*) FROM other",
    failed: 1,
    empty: false,
    nulls: false,
  },
  {
    check: "multi_column_sum, columns: [share_a, share_b], equals: 1",
    bad: "multi_column_sum, columns: [share_a, share_b], equals: 1.1, tolerance: 0.05",
    failed: 3,
    sample: { share_a: 0.1, share_b: 0.9 },
  },
  {
    check: "pair_order, greater: ends, lesser: starts",
    bad: [...GOOD, row(4, 4, { ends: "TIMESTAMP '2025-11-04 00:00:00Z'" })],
    failed: 1,
  },
  {
    check: "pair_order, greater: id, lesser: twin, or_equal: true",
    bad: "pair_order, greater: id, lesser: twin",
    failed: 3,
    sample: { twin: 1, id: 1 },
  },
  { check: "no_gaps, column: day", bad: [...GOOD, row(4, 6)], failed: 2, sample: "2025-11-04" },
  {
    check: "no_gaps, column: starts, from: 2025-11-01, to: 2025-11-03",
    bad: "no_gaps, column: day, to: 2025-11-04",
    failed: 1,
    sample: "2025-11-04",
    empty: false,
    nulls: false,
  },
  {
    check: "outlier, column: cost, by: day, deviations: 2",
    bad: [...Array.from({ length: 9 }, (_, i) => row(i, i + 1)), row(10, 10, { cost: "NUMERIC '99'" })],
    failed: 1,
    sample: { key: "2025-11-10", value: 99 },
  },
  {
    check: "outlier, column: cost",
    bad: [...Array.from({ length: 20 }, (_, i) => row(i, i + 1)), row(21, 21, { cost: "NUMERIC '99'" })],
    failed: 1,
    sample: { key: null, value: 99 },
  },
];
