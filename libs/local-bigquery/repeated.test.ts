import assert from "node:assert/strict";
import { test } from "node:test";
import { PROJECT, startKit } from "./test-kit.ts";

// DuckDB plans a prepared statement by what the table holds then, and does not plan it anew when rows come: one that
// was prepared over an empty table found nothing for ever.
test("a query asked before a table had rows finds them when it is asked again", async (t) => {
  const { client, rows } = await startKit(t);
  await client.createDataset("d");
  await rows(`CREATE TABLE \`${PROJECT}.d.t\` (k STRING, n INT64)`);
  const asked = [
    `SELECT n FROM \`${PROJECT}.d.t\` WHERE k = 'a'`,
    `SELECT n FROM \`${PROJECT}.d.t\` WHERE n > 5`,
    `SELECT COUNT(*) AS c FROM \`${PROJECT}.d.t\` WHERE n BETWEEN 6 AND 8`,
  ];
  for (let n = 0; n < 3; n += 1) for (const sql of asked) await rows(sql);
  await client.query({
    query: `MERGE \`${PROJECT}.d.t\` T USING (SELECT r.k AS k, r.n AS n FROM UNNEST(@rows) r) S ON T.k = S.k
      WHEN NOT MATCHED THEN INSERT (k, n) VALUES (S.k, S.n)`,
    params: { rows: [{ k: "a", n: 7 }] },
  });
  assert.deepEqual(await rows(asked[0] ?? ""), [{ n: 7 }]);
  assert.deepEqual(await rows(asked[1] ?? ""), [{ n: 7 }]);
  assert.deepEqual(await rows(asked[2] ?? ""), [{ c: 1 }]);
  await rows(`UPDATE \`${PROJECT}.d.t\` SET n = 9 WHERE k = 'a'`);
  assert.deepEqual(await rows(asked[1] ?? ""), [{ n: 9 }]);
  assert.deepEqual(await rows(asked[2] ?? ""), [{ c: 0 }]);
});
