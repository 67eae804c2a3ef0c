/**
 * DuckDB macros (schema `bq`) for what GoogleSQL does and no DuckDB expression says in a line. They are remade at
 * every start, so changing one needs no migration.
 *
 * bq.raise(message) ends the query with GoogleSQL's message (jobs/duck-errors.ts reads it back). It is a failing cast,
 * because TRY (the SAFE. prefix) refuses error() as volatile; it subscripts [NULL] so that it fits any type, and is no
 * CASE, because DuckDB evaluates a constant CASE condition before it is reached.
 */
const MACROS: Record<string, string> = {
  "raise(message)": `([NULL])[CAST('bq!' || message || '!qb' AS BIGINT)]`,

  // Conversion from text. DuckDB's casts accept more ("1.5" as an integer, "t" as a boolean, "2024/01/02").
  "to_int64(s)": `CASE WHEN regexp_full_match(trim(s), '[+-]?[0-9]+') THEN CAST(trim(s) AS BIGINT)
    WHEN regexp_full_match(trim(s), '0[xX][0-9a-fA-F]{1,15}') THEN CAST(concat('0x', trim(s)[3:]) AS BIGINT)
    ELSE bq.raise('Bad int64 value: ' || s) END`,
  "to_float64(s)": `CASE WHEN regexp_full_match(lower(trim(s)), '[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?(inf|infinity)|nan')
    THEN CAST(trim(s) AS DOUBLE) ELSE bq.raise('Bad double value: ' || s) END`,
  "to_numeric(s)": `CASE WHEN regexp_full_match(lower(trim(s)), '[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)(e[+-]?[0-9]+)?')
    THEN CAST(trim(s) AS DECIMAL(38,9)) ELSE bq.raise('Invalid NUMERIC value: ' || s) END`,
  "to_bool(s)": `CASE WHEN lower(s) = 'true' THEN TRUE WHEN lower(s) = 'false' THEN FALSE
    ELSE bq.raise('Bad bool value: ' || s) END`,
  "to_date(s)": `CASE WHEN regexp_full_match(s, '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}') AND TRY_CAST(s AS DATE) IS NOT NULL
    THEN TRY_CAST(s AS DATE)
    WHEN s IS NOT NULL THEN bq.raise(concat('Invalid date: ''', s, '''')) END`,
  "to_datetime(s)": `CASE WHEN regexp_full_match(s, '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([ tT][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\\.[0-9]{1,6})?)?')
      AND TRY_CAST(s AS TIMESTAMP) IS NOT NULL THEN TRY_CAST(s AS TIMESTAMP)
    WHEN s IS NOT NULL THEN bq.raise(concat('Invalid datetime string "', s, '"')) END`,
  "to_time(s)": `CASE WHEN regexp_full_match(s, '[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\\.[0-9]{1,6})?')
      AND TRY_CAST(s AS TIME) IS NOT NULL THEN TRY_CAST(s AS TIME)
    WHEN s IS NOT NULL THEN bq.raise(concat('Invalid time string "', s, '"')) END`,
  "to_timestamp(s)": `CASE WHEN regexp_full_match(s, '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([ tT][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\\.[0-9]{1,6})?)?([zZ]| ?UTC|[+-][0-9]{1,2}(:?[0-9]{2})?)?')
      AND TRY_CAST(s AS TIMESTAMPTZ) IS NOT NULL THEN make_timestamp(epoch_us(TRY_CAST(s AS TIMESTAMPTZ)))
    WHEN s IS NOT NULL THEN bq.raise(concat('Invalid timestamp: ''', s, '''')) END`,

  "in_zone(t, zone)": `CASE WHEN bq_zone_minutes(zone) IS NULL THEN timezone('UTC', timezone(bq_zone_name(zone), t))
    ELSE t - to_minutes(bq_zone_minutes(zone)) END`,

  // Conversion to text.
  "float_text(x)": `CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'inf' ELSE '-inf' END
    WHEN CAST(format('{:.15g}', x) AS DOUBLE) = x THEN format('{:.15g}', x) ELSE format('{:.17g}', x) END`,
  "numeric_text(x)": `regexp_replace(CAST(x AS VARCHAR), '\\.?0+$', '')`,
  "datetime_text(x)": `CASE WHEN epoch_us(x) % 1000000 = 0 THEN strftime(x, '%Y-%m-%d %H:%M:%S')
    WHEN epoch_us(x) % 1000 = 0 THEN strftime(x, '%Y-%m-%d %H:%M:%S.%g') ELSE strftime(x, '%Y-%m-%d %H:%M:%S.%f') END`,
  "time_text(x)": `bq.datetime_text(DATE '2000-01-01' + x)[12:]`,

  // By way of text, which both read and write exactly; DuckDB's own casts multiply in floating point.
  "float_to_numeric(x)": `CASE WHEN NOT isfinite(x) THEN bq.raise('Illegal conversion of non-finite floating point number to numeric: ' || bq.float_text(x))
    ELSE CAST(format('{:.25f}', x) AS DECIMAL(38,9)) END`,
  "numeric_to_float(x)": "CAST(CAST(x AS VARCHAR) AS DOUBLE)",

  // Arithmetic.
  "float_div(a, b)": `CASE WHEN b = 0 THEN bq.raise(concat('division by zero: ', bq.float_text(a), ' / ', bq.float_text(b))) ELSE a / b END`,
  "nonzero(x)": "CASE WHEN x = 0 THEN bq.raise('division by zero') ELSE x END",
  "int_div(a, b)": `CASE WHEN b = 0 THEN bq.raise(concat('division by zero: ', a, ' / ', b)) ELSE a // b END`,
  "int_mod(a, b)": `CASE WHEN b = 0 THEN bq.raise(concat('division by zero: MOD(', a, ', ', b, ')')) ELSE a % b END`,
  "units(x)": `CAST(replace(CAST(x AS VARCHAR), '.', '') AS HUGEINT)`,
  "from_units(q)": `CAST(q // 1000000000 AS DECIMAL(38,9))
    + CAST(q % 1000000000 AS DECIMAL(18,0)) * CAST(0.000000001 AS DECIMAL(9,9))`,
  "half_away(n, d)": `n // d + CASE WHEN abs(n % d) >= abs(d) - abs(n % d) THEN sign(n) * sign(d) ELSE 0 END`,
  "numeric_div(a, b)": `CASE WHEN b = 0 THEN bq.raise(concat('division by zero: ', bq.numeric_text(a), ' / ', bq.numeric_text(b)))
    ELSE bq.from_units(bq.half_away(bq.units(a) * 1000000000, bq.units(b))) END`,
  "numeric_mod(a, b)": `CASE WHEN b = 0 THEN bq.raise(concat('division by zero: MOD(', a, ', ', b, ')'))
    ELSE bq.from_units(bq.units(a) % bq.units(b)) END`,

  "finite(r, a, b)":
    "CASE WHEN NOT isfinite(r) AND isfinite(a) AND isfinite(b) THEN bq.raise('double overflow') ELSE r END",
  "numeric_round(x, n)": `CASE WHEN n >= 9 THEN x WHEN n < -12 THEN bq.raise('ROUND of a NUMERIC to more than 12 places left of the point is not supported locally')
    ELSE bq.from_units(bq.half_away(bq.units(x), CAST(pow(10, 9 - n) AS HUGEINT)) * CAST(pow(10, 9 - n) AS HUGEINT)) END`,

  // RANGE values: {_0: start, _1: end}, -infinity and infinity where unbounded.
  "range_bound(x)": "CASE WHEN isfinite(x) THEN x END",
  "make_range(s, e)": `CASE WHEN s >= e THEN bq.raise('Range start element must be smaller than range end element')
    ELSE struct_pack(_0 := s, _1 := e) END`,
  "range_overlaps(a, b)": "a._0 < b._1 AND b._0 < a._1",
  "range_intersect(a, b)": `CASE WHEN NOT bq.range_overlaps(a, b) THEN bq.raise('Provided RANGE inputs do not overlap. Please check RANGE_OVERLAPS before calling RANGE_INTERSECT')
    WHEN a IS NOT NULL AND b IS NOT NULL THEN struct_pack(_0 := greatest(a._0, b._0), _1 := least(a._1, b._1)) END`,

  // FLOAT64 comparison: NaN equals nothing and is neither above nor below; DuckDB holds it equal to itself and greatest.
  "feq(a, b)": "CASE WHEN isnan(a) AND b IS NOT NULL THEN FALSE ELSE a = b END",
  "flt(a, b)":
    "CASE WHEN (isnan(a) OR isnan(b)) AND a IS NOT NULL AND b IS NOT NULL THEN FALSE ELSE a < b END",
  "fle(a, b)":
    "CASE WHEN (isnan(a) OR isnan(b)) AND a IS NOT NULL AND b IS NOT NULL THEN FALSE ELSE a <= b END",

  // Arrays.
  "in_array(x, a)": `CASE WHEN a IS NULL OR len(a) = 0 THEN FALSE WHEN x IS NULL THEN NULL
    WHEN list_contains(a, x) THEN TRUE WHEN list_count(a) < len(a) THEN NULL ELSE FALSE END`,
  "storable_array(a, name)": `CASE WHEN a IS NULL THEN [] WHEN list_count(a) < len(a)
    THEN bq.raise(concat('Array cannot have a null element; error in writing field ', name)) ELSE a END`,
  "element(a, i, shown)": `CASE WHEN a IS NULL OR i IS NULL THEN NULL WHEN i < 0 OR i >= len(a)
    THEN bq.raise(concat('Array index ', shown, ' is out of bounds')) ELSE a[i + 1] END`,
  "safe_element(a, i)": "CASE WHEN i < 0 OR i >= len(a) THEN NULL ELSE a[i + 1] END",

  // Strings.
  "substr3(s, p, n)": `CASE WHEN n < 0 THEN bq.raise('Third argument in SUBSTR() cannot be negative')
    WHEN p < -length(s) OR p = 0 THEN substring(s, 1, n) ELSE substring(s, p, n) END`,
  "substr2(s, p)": "CASE WHEN p < -length(s) OR p = 0 THEN s ELSE substring(s, p) END",

  // Hidden behind a macro so that the value of the clock is cast once.
  "json_scalar(j, path)": `CASE WHEN json_type(j, path) IN ('OBJECT', 'ARRAY', 'NULL') THEN NULL ELSE json_extract_string(j, path) END`,
};

/** The statements that (re)make every macro, in an order in which each finds those that it uses. */
export function macroStatements(): string[] {
  return Object.entries(MACROS).map(([head, body]) => `CREATE OR REPLACE MACRO bq.${head} AS ${body}`);
}
