import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isObject, type JsonObject, objectOr, parseJson, stringOr } from "../json.ts";
import { type Kit, startKit } from "../test-kit.ts";

const RECORDED = join(import.meta.dirname, "../../../../shared/data/bigquery-client-requests.json");

/**
 * The requests were recorded against a server that answered what the recorder wanted. What the service would refuse of
 * them is refused here too; everything else is answered 200, a deletion 204.
 */
const REFUSED: Record<string, number> = {
  "datasets.list 2": 400, // a page token that is not ours
  "table.create 1": 400, // partitioned by a column that the schema lacks
  "table.setMetadata 1": 400, // takes a column away
  "query fast path maxResults paging 2": 400, // a page token that is not ours
  "table.insert raw insertId 1": 501, // templateSuffix
  "table.getRows autoPaginate false 1": 400, // selectedFields names no column
  "params typed 1": 501, // BIGNUMERIC
  "job.get/cancel 1": 404,
  "job.get/cancel 2": 404,
  "job.get/cancel 3": 404,
};

/** Made where the recorded request for it was refused. */
const TABLE = {
  tableReference: { projectId: "p", datasetId: "d1", tableId: "t1" },
  schema: {
    fields: ["a INTEGER", "b STRING"].map((c) => ({ name: c.split(" ")[0], type: c.split(" ")[1] })),
  },
};

async function send(
  kit: Kit,
  request: JsonObject,
  job: string,
): Promise<{ status: number; body: JsonObject }> {
  const { method, path, query, h, body } = request;
  const url = new URL(stringOr(path, "").replace(/(jq13|jq15|loadjob)$/, job), kit.server.url);
  for (const [key, value] of Object.entries(objectOr(query))) url.searchParams.set(key, String(value));
  const type = stringOr(objectOr(h)["content-type"], "");
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(url, {
    method: String(method),
    ...(type === "" ? {} : { headers: { "content-type": type }, body: text }),
  });
  return { status: response.status, body: objectOr(parseJson(await response.text())) };
}

if (existsSync(RECORDED)) {
  test("every recorded request of the Node client is answered with the right status", async (t) => {
    const kit = await startKit(t);
    const steps: unknown = parseJson(readFileSync(RECORDED, "utf8"));
    assert.ok(Array.isArray(steps));
    let sent = 0;
    for (const step of steps.filter(isObject)) {
      let job = "";
      const requests = Array.isArray(step.requests) ? step.requests.filter(isObject) : [];
      for (const [i, request] of requests.entries()) {
        const name = `${step.name} ${i + 1}`;
        const { status, body } = await send(kit, request, job);
        const usual = request.method === "DELETE" ? 204 : 200;
        assert.equal(status, REFUSED[name] ?? usual, `${name}: ${JSON.stringify(body.error ?? "")}`);
        job = stringOr(objectOr(body.jobReference).jobId, job);
        sent++;
      }
      if (step.name === "table.create") {
        const path = "/bigquery/v2/projects/p/datasets/d1/tables";
        const made = await send(
          kit,
          { method: "POST", path, body: TABLE, h: { "content-type": "application/json" } },
          "",
        );
        assert.equal(made.status, 200);
      }
    }
    assert.ok(sent > 50, `${sent} requests were sent`);
  });
} else {
  test("the recorded client requests are not on this machine: nothing is replayed", () => {
    assert.equal(Object.keys(REFUSED).length > 0, true);
  });
}
