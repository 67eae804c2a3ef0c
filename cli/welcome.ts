import type { Embedded } from "./embedded.ts";

/** What `npm start` prints once all is up: what runs where, and the lines to try. */
export function welcome(
  { gatewayUrl, bigQueryUrl, dataDir, adminKeyFile, project }: Embedded,
  version: string,
): string {
  const admin = adminKeyFile === null ? "ADMIN_API_KEY" : adminKeyFile;
  return `
Convergence ${version} is ready. Ctrl-C ends it; everything is kept.

  gateway         ${gatewayUrl}            (API description: ${gatewayUrl}/docs)
  local BigQuery  ${bigQueryUrl}   (any BigQuery client; project ${project})
  data            ${dataDir}
  admin key       ${admin}
  metrics         ${gatewayUrl}/metrics    health ${gatewayUrl}/health

Try it, in another terminal:

  # 1. Onboard a customer. Its API key is shown this once.
  curl -X POST "${gatewayUrl}/api/v1/customers/onboard" \\
    -H "Content-Type: application/json" \\
    -d '{"tenant_id": "acmeinc_23xv2"}'

  # 2. Give it billing rows to export.
  npm run demo -- --billing acmeinc_23xv2

  # 3. Run the pipeline.
  curl -X POST \\
    "${gatewayUrl}/api/v1/pipelines/run/acmeinc_23xv2/gcp/cost/bill-sample-export-template" \\
    -H "X-API-Key: <the key>" \\
    -H "Content-Type: application/json" \\
    -d '{"date": "2025-11-15"}'

  # 4. Follow it: answers as soon as the run is over.
  curl "${gatewayUrl}/api/v1/pipelines/runs/<pipeline_logging_id>?wait=30" -H "X-API-Key: <the key>"

  # Or all of it at once, with the result checked: npm run demo
`;
}
