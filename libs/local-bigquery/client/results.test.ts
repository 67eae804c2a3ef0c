import assert from "node:assert/strict";
import { at, fails, metadataOf, steps } from "./steps-test-kit.ts";

const FIVE = "SELECT x FROM UNNEST(GENERATE_ARRAY(1, 5)) AS x ORDER BY x";

steps("results", {
  "pages of a query's result": async ({ client }) => {
    const [job] = await client.createQueryJob(FIVE);
    const seen: unknown[] = [];
    let pageToken: string | undefined;
    do {
      const [rows, , page] = await job.getQueryResults({ maxResults: 2, autoPaginate: false, pageToken });
      seen.push(rows.map((row) => row.x));
      pageToken = page?.pageToken ?? undefined;
    } while (pageToken !== undefined);
    assert.deepEqual(seen, [[1, 2], [3, 4], [5]]);
  },
  "query() with maxResults gives the first page and a way to the next": async ({ client }) => {
    const [rows, next] = await client.query({ query: FIVE, maxResults: 2 }, { autoPaginate: false });
    assert.deepEqual(rows, [{ x: 1 }, { x: 2 }]);
    assert.ok(at(next, "pageToken"));
  },
  "startIndex begins further on": async ({ client }) => {
    const [job] = await client.createQueryJob(FIVE);
    const [rows] = await job.getQueryResults({ startIndex: "3" });
    assert.deepEqual(rows, [{ x: 4 }, { x: 5 }]);
  },
  "totalRows counts them all": async ({ client }) => {
    const [job] = await client.createQueryJob(FIVE);
    const [, , page] = await job.getQueryResults({ maxResults: 1, autoPaginate: false });
    assert.equal(page?.totalRows, "5");
  },
  "a long result is streamed whole and in order": async ({ client }) => {
    const query = "SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS x ORDER BY x";
    let count = 0;
    for await (const row of client.createQueryStream(query)) assert.equal(row.x, ++count);
    assert.equal(count, 25_000);
  },
  "columns without a name are f0_, f1_": async ({ rows }) => {
    assert.deepEqual(await rows("SELECT 1, 2 AS b, 'x'"), [{ f0_: 1, b: 2, f1_: "x" }]);
  },
  "values of every type come as the client spells them": async ({ rows }) => {
    const [row] = await rows(`SELECT 1 AS i, 1.5 AS f, TRUE AS b, 'x' AS s, b'\\x00\\xff' AS by,
      NUMERIC '12345678901234567890.123456789' AS n, DATE '2024-02-29' AS d, TIME '01:02:03.5' AS t,
      DATETIME '2024-02-29 01:02:03' AS dt, TIMESTAMP '2024-02-29 01:02:03.123456 UTC' AS ts,
      JSON '{"b": 1, "a": [true, null]}' AS j, [1, 2] AS a, STRUCT(1 AS x, 'y' AS z) AS st`);
    assert.deepEqual(row, {
      i: 1,
      f: 1.5,
      b: true,
      s: "x",
      by: { type: "Buffer", data: [0, 255] },
      n: "12345678901234567890.123456789",
      d: { value: "2024-02-29" },
      t: { value: "01:02:03.500000" },
      dt: { value: "2024-02-29T01:02:03" },
      ts: { value: "2024-02-29T01:02:03.123456000Z" },
      j: '{"a":[true,null],"b":1}',
      a: [1, 2],
      st: { x: 1, z: "y" },
    });
  },
  "NULL of every type is null, of an ARRAY []": async ({ rows }) => {
    const types = ["INT64", "FLOAT64", "BOOL", "STRING", "BYTES", "NUMERIC", "DATE", "TIMESTAMP", "JSON"];
    const columns = types.map((type) => `CAST(NULL AS ${type}) AS ${type.toLowerCase()}`);
    const [row] = await rows(`SELECT ${columns.join(", ")}, CAST(NULL AS ARRAY<INT64>) AS a`);
    assert.deepEqual(row, { ...Object.fromEntries(types.map((type) => [type.toLowerCase(), null])), a: [] });
  },
  "integers beyond 2^53 come exactly where the client wraps them": async ({ client }) => {
    const query = "SELECT 9007199254740993 AS big, -9223372036854775808 AS least";
    const [[row]] = await client.query({ query, wrapIntegers: true });
    assert.equal(row.big.value, "9007199254740993");
    assert.equal(row.least.value, "-9223372036854775808");
  },
  "NaN and the infinities": async ({ rows }) => {
    const query =
      "SELECT CAST(x AS STRING) AS s, x AS f FROM UNNEST([CAST('nan' AS FLOAT64), CAST('inf' AS FLOAT64), CAST('-inf' AS FLOAT64)]) AS x WITH OFFSET o ORDER BY o";
    assert.deepEqual(await rows(query), [
      { s: "NaN", f: null },
      { s: "inf", f: null },
      { s: "-inf", f: null },
    ]);
  },
  "a result's schema tells nested and repeated fields": async ({ client }) => {
    const [job] = await client.createQueryJob("SELECT [STRUCT(1 AS a, ['x'] AS b)] AS s");
    const [, , page] = await job.getQueryResults({ autoPaginate: false });
    assert.deepEqual(at(page?.schema, "fields.0"), {
      name: "s",
      type: "RECORD",
      mode: "REPEATED",
      fields: [
        { name: "a", type: "INTEGER", mode: "NULLABLE" },
        { name: "b", type: "STRING", mode: "REPEATED" },
      ],
    });
  },
});

steps("rows of a table", {
  "getRows gives them all": async ({ dataset, rows }) => {
    await rows("CREATE TABLE t AS SELECT x, CONCAT('n', CAST(x AS STRING)) AS n FROM UNNEST([1, 2]) AS x");
    const [all] = await dataset.table("t").getRows();
    assert.deepEqual(
      all.sort((a, b) => a.x - b.x),
      [
        { x: 1, n: "n1" },
        { x: 2, n: "n2" },
      ],
    );
  },
  "pages with tokens": async ({ dataset, rows }) => {
    await rows(`CREATE TABLE t AS ${FIVE}`);
    const seen: number[] = [];
    let pageToken: string | undefined;
    do {
      const [page, , answer] = await dataset
        .table("t")
        .getRows({ maxResults: 2, autoPaginate: false, pageToken });
      assert.ok(page.length <= 2);
      seen.push(...page.map((row) => row.x));
      const next = at(answer, "pageToken");
      pageToken = typeof next === "string" ? next : undefined;
    } while (pageToken !== undefined);
    assert.deepEqual(
      seen.sort((a, b) => a - b),
      [1, 2, 3, 4, 5],
    );
  },
  "startIndex and maxResults": async ({ dataset, rows }) => {
    await rows(`CREATE TABLE t AS ${FIVE}`);
    const [page] = await dataset.table("t").getRows({ startIndex: "3", maxResults: 10, autoPaginate: false });
    assert.equal(page.length, 2);
  },
  "selectedFields gives those alone": async ({ client, dataset, rows }) => {
    await rows("CREATE TABLE t AS SELECT 1 AS a, 2 AS b, 3 AS c");
    const answer: unknown = await new Promise((resolve, reject) => {
      const uri = `/datasets/${dataset.id}/tables/t/data`;
      client.request({ uri, qs: { selectedFields: "c,a" } }, (error, body) =>
        error ? reject(error) : resolve(body),
      );
    });
    assert.deepEqual(at(answer, "rows.0.f"), [{ v: "1" }, { v: "3" }]);
    const none = dataset.table("t").getRows({ selectedFields: "nope" });
    await fails(none, "invalid", /selectedFields: nope/);
  },
  "nested rows keep their shape": async ({ dataset, rows }) => {
    await rows(
      "CREATE TABLE t AS SELECT 1 AS id, [STRUCT('x' AS sku, ['a', 'b'] AS tags), ('y', [])] AS items",
    );
    const [stored] = await dataset.table("t").getRows();
    assert.deepEqual(JSON.parse(JSON.stringify(stored)), [
      {
        id: 1,
        items: [
          { sku: "x", tags: ["a", "b"] },
          { sku: "y", tags: [] },
        ],
      },
    ]);
  },
  "a table that is not there is 404; a view's rows are refused": async ({ dataset, rows }) => {
    await fails(dataset.table("none").getRows(), "notFound", /^Not found: Table/);
    await rows("CREATE VIEW v AS SELECT 1 AS a");
    await fails(dataset.table("v").getRows(), "invalid", /VIEW/);
    assert.equal((await metadataOf(dataset.table("v").getMetadata())).type, "VIEW");
  },
});
