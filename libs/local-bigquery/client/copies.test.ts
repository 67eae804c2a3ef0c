import assert from "node:assert/strict";
import { at, fails, metadataOf, type Step, steps } from "./steps-test-kit.ts";

async function withTable({ rows }: Step): Promise<void> {
  await rows("CREATE TABLE t (day DATE, v INT64) PARTITION BY day CLUSTER BY v");
  await rows("INSERT INTO t VALUES ('2026-01-01', 1), ('2026-01-02', 2)");
}

/** Copies t into another table of the dataset. */
const copy = ({ dataset }: Step, to: string, metadata: object = {}): Promise<unknown> =>
  dataset.table("t").copy(dataset.table(to), metadata);

steps("copy jobs", {
  "a table is copied with its rows, schema and layout": async (step) => {
    await withTable(step);
    await copy(step, "u");
    assert.deepEqual(await step.rows("SELECT v FROM u ORDER BY v"), [{ v: 1 }, { v: 2 }]);
    const [from, to] = await Promise.all(
      ["t", "u"].map((id) => metadataOf(step.dataset.table(id).getMetadata())),
    );
    for (const part of ["schema", "timePartitioning", "clustering", "numRows"])
      assert.deepEqual(at(to, part), at(from, part));
  },
  "the job tells how many rows": async (step) => {
    await withTable(step);
    const [job] = await step.dataset.table("t").createCopyJob(step.dataset.table("u"));
    await job.promise();
    const metadata = await metadataOf(job.getMetadata());
    assert.equal(at(metadata, "configuration.jobType"), "COPY");
    assert.equal(at(metadata, "statistics.copy.copiedRows"), "2");
  },
  "several tables into one": async (step) => {
    await withTable(step);
    await copy(step, "u");
    await step.dataset.table("all").copyFrom([step.dataset.table("t"), step.dataset.table("u")]);
    assert.deepEqual(await step.rows("SELECT COUNT(*) AS n FROM `all`"), [{ n: 4 }]);
  },
  "into another dataset": async (step) => {
    await withTable(step);
    const [other] = await step.client.createDataset(`${step.id}_other`);
    await step.dataset.table("t").copy(other.table("t"));
    assert.equal((await other.table("t").getRows())[0].length, 2);
  },
  "WRITE_EMPTY is usual and refuses rows; APPEND adds; TRUNCATE replaces": async (step) => {
    await withTable(step);
    await copy(step, "u");
    await fails(copy(step, "u"), "duplicate", /^Already Exists: Table/);
    await copy(step, "u", { writeDisposition: "WRITE_APPEND" });
    assert.deepEqual(await step.rows("SELECT COUNT(*) AS n FROM u"), [{ n: 4 }]);
    await copy(step, "u", { writeDisposition: "WRITE_TRUNCATE" });
    assert.deepEqual(await step.rows("SELECT COUNT(*) AS n FROM u"), [{ n: 2 }]);
  },
  "CREATE_NEVER needs the table; a source that is not there is 404": async (step) => {
    await withTable(step);
    await fails(copy(step, "u", { createDisposition: "CREATE_NEVER" }), "notFound", /Not found: Table/);
    const none = step.dataset.table("none").copy(step.dataset.table("u"));
    await fails(none, "notFound", /Not found: Table gac-prod-471220:step_\d+\.none/);
  },
  "a view is not copied, nor a table onto itself": async (step) => {
    await withTable(step);
    await step.rows("CREATE VIEW v AS SELECT 1 AS a");
    await fails(step.dataset.table("v").copy(step.dataset.table("u")), "invalid", /is a view/);
    await fails(copy(step, "t", { writeDisposition: "WRITE_APPEND" }), "invalid", /onto itself/);
  },
  "a job id is good for one copy": async (step) => {
    await withTable(step);
    const jobId = `${step.id}_once`;
    await copy(step, "u", { jobId });
    await fails(copy(step, "w", { jobId }), "duplicate", /Already Exists: Job/);
    assert.deepEqual(await step.dataset.table("w").exists(), [false]);
  },
  "refused by choice: snapshots by a job, extracts": async (step) => {
    await withTable(step);
    await fails(copy(step, "s", { operationType: "SNAPSHOT" }), "notImplemented", /SNAPSHOT/);
    const configuration = { extract: { sourceTable: { tableId: "t" }, destinationUris: ["gs://b/x"] } };
    await fails(step.client.createJob({ configuration }), "notImplemented", /extract jobs/);
  },
});
