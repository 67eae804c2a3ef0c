import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startLocalBigQuery } from "@convergence/local-bigquery";
import { describeWarehouse } from "../contract-suite.ts";
import { bigQueryWarehouse } from "./warehouse.ts";

describeWarehouse("BigQuery's client, to the local BigQuery", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "warehouse-"));
  const server = await startLocalBigQuery({
    host: "127.0.0.1",
    port: 0,
    file: path.join(folder, "bigquery.db"),
  });
  const warehouse = bigQueryWarehouse({ project: "gac-prod-471220", location: "US", endpoint: server.url });
  return {
    warehouse,
    rows: ({ dataset, table }) =>
      warehouse.read({ sql: `SELECT * FROM \`${table}\``, params: [], defaultDataset: dataset }),
    async close() {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
});
