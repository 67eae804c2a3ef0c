import { test } from "node:test";
import { refuses, startKit } from "./test-kit.ts";

test("a statement that needs more memory than is allowed fails, and the next one runs", async (t) => {
  const kit = await startKit(t, { memoryMb: 128 });
  const many =
    "SELECT ARRAY_LENGTH(ARRAY_AGG(CONCAT(REPEAT('x', 1000), CAST(n AS STRING)))) FROM UNNEST(GENERATE_ARRAY(1, 400000)) AS n";
  await refuses(kit, many, 400, "resourcesExceeded", /Resources exceeded/);
  await kit.rows("SELECT 1");
});
