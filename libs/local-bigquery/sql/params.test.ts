import assert from "node:assert/strict";
import { test } from "node:test";
import { BigQuery, type Query } from "@google-cloud/bigquery";
import { type Kit, refuses, startKit } from "../test-kit.ts";

async function setUp(kit: Kit): Promise<void> {
  await kit.client.createDataset("d");
  await kit.rows("CREATE TABLE d.t (k STRING NOT NULL, day DATE, v INT64, note STRING, tags ARRAY<STRING>)");
  await kit.rows(
    "INSERT INTO d.t (k, day, v, note) VALUES ('a', '2024-01-01', 1, 'old'), ('b', '2024-01-02', 5, 'old')",
  );
}

const BYTES = Buffer.from([0, 1, 255]);

test("typed parameters come as what they are, named and positional", async (t) => {
  const kit = await startKit(t);
  const names = ["s", "i", "f", "b", "n", "ts", "d", "dt", "by", "j", "nul", "a", "e", "st"];
  const query: Query = {
    query: `SELECT ${names.map((n) => `@${n} AS ${n}`).join(", ")}, ARRAY_LENGTH(@e) AS len, SHA256(@by) = SHA256(b'\\x00\\x01\\xff') AS same`,
    params: {
      s: "it's",
      i: "9223372036854775807",
      f: 1.5,
      b: true,
      n: "12345678901234567890.123456789",
      ts: BigQuery.timestamp("2024-01-02T03:04:05.123456Z"),
      d: BigQuery.date("2024-01-02"),
      dt: BigQuery.datetime("2024-01-02T03:04:05"),
      by: BYTES.toString("base64"),
      j: '{"b": 1, "a": 2}',
      nul: null,
      a: ["x", "y"],
      e: [],
      st: { k: "v", l: [1, 2] },
    },
    types: {
      s: "STRING",
      i: "INT64",
      f: "FLOAT64",
      b: "BOOL",
      n: "NUMERIC",
      ts: "TIMESTAMP",
      d: "DATE",
      dt: "DATETIME",
      by: "BYTES",
      j: "JSON",
      nul: "DATE",
      a: ["STRING"],
      e: ["INT64"],
      st: { k: "STRING", l: ["INT64"] },
    },
    wrapIntegers: true,
  };
  const [row] = await kit.rows(query);
  assert.ok(typeof row === "object" && row !== null && "i" in row && "by" in row && "st" in row);
  const plain: Record<string, unknown> = { ...row };
  assert.equal(plain.s, "it's");
  assert.match(JSON.stringify(plain.i), /9223372036854775807/);
  assert.equal(plain.n, "12345678901234567890.123456789");
  assert.deepEqual(plain.ts, { value: "2024-01-02T03:04:05.123456000Z" });
  assert.deepEqual(plain.d, { value: "2024-01-02" });
  assert.deepEqual(plain.dt, { value: "2024-01-02T03:04:05" });
  assert.deepEqual(plain.by, { type: "Buffer", data: [...BYTES] });
  assert.equal(plain.j, '{"a":2,"b":1}');
  assert.equal(plain.nul, null);
  assert.deepEqual(plain.a, ["x", "y"]);
  assert.deepEqual(plain.e, []);
  assert.equal(plain.same, true);
  assert.deepEqual(
    await kit.rows({ query: "SELECT ? + 1 AS a, ? AS b WHERE ? IN ('x')", params: [1, "y", "x"] }),
    [{ a: 2, b: "y" }],
  );
  await refuses(
    kit,
    "SELECT @missing",
    400,
    "invalidQuery",
    /^Query parameter 'missing' not found at \[1:8\]$/,
  );
});

test("a STRING parameter becomes a DATE in a comparison, but no INT64", async (t) => {
  const kit = await startKit(t);
  await setUp(kit);
  const where = (condition: string): Query => ({
    query: `SELECT k FROM d.t WHERE ${condition}`,
    params: { p: "2024-01-02" },
    types: { p: "STRING" },
  });
  assert.deepEqual(await kit.rows(where("day = @p")), [{ k: "b" }]);
  assert.deepEqual(await kit.rows(where("day BETWEEN @p AND @p")), [{ k: "b" }]);
  assert.deepEqual(await kit.rows("SELECT k FROM d.t WHERE day = '2024-01-02'"), [{ k: "b" }]);
  await refuses(kit, where("v = @p"), 400, "invalidQuery", /operator = for argument types: INT64, STRING/);
  await refuses(
    kit,
    "SELECT k FROM d.t WHERE day = 'x'",
    400,
    "invalidQuery",
    /^Could not cast literal "x" to type DATE at \[1:31\]$/,
  );
  const injected: Query = { ...where("day = @p"), params: { p: "2025-11-15' OR '1'='1" } };
  await refuses(kit, injected, 400, "invalidQuery", /^Invalid date: '2025-11-15' OR '1'='1'$/);
});
