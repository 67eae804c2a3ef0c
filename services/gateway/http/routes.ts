import type { Route } from "./route.ts";
import { cancelBackfill, readBackfill, startBackfill } from "./routes/backfills.ts";
import { cancelRun } from "./routes/cancel-run.ts";
import { deleteCredential, listCredentials, readCredential, setCredential } from "./routes/credentials.ts";
import { issueApiKey } from "./routes/issue-api-key.ts";
import { listApiKeys } from "./routes/list-api-keys.ts";
import { listRuns } from "./routes/list-runs.ts";
import { onboard } from "./routes/onboard.ts";
import { readAudit } from "./routes/read-audit.ts";
import { readCustomer } from "./routes/read-customer.ts";
import { readRun } from "./routes/read-run.ts";
import { readSteps } from "./routes/read-steps.ts";
import { retryRun } from "./routes/retry-run.ts";
import { revokeApiKey } from "./routes/revoke-api-key.ts";
import { rotateApiKey } from "./routes/rotate-api-key.ts";
import { runEvents } from "./routes/run-events.ts";
import { deleteSchedule, listSchedules, putSchedule, readSchedule } from "./routes/schedules.ts";
import { submitRun } from "./routes/submit-run.ts";
import { listTemplates, readTemplate } from "./routes/templates.ts";
import { updateCustomer } from "./routes/update-customer.ts";
import { validateTemplate } from "./routes/validate-template.ts";

/** Every route of the API, in the order of its description. */
export const routes: readonly Route[] = [
  onboard,
  readCustomer,
  updateCustomer,
  listApiKeys,
  issueApiKey,
  rotateApiKey,
  revokeApiKey,
  setCredential,
  listCredentials,
  readCredential,
  deleteCredential,
  readAudit,
  listSchedules,
  putSchedule,
  readSchedule,
  deleteSchedule,
  submitRun,
  listRuns,
  readRun,
  readSteps,
  runEvents,
  cancelRun,
  retryRun,
  startBackfill,
  readBackfill,
  cancelBackfill,
  listTemplates,
  readTemplate,
  validateTemplate,
];
