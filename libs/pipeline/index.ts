/** Templates: load, check, resolve, bind into SQL. */
export { type Catalogue, loadCatalogue } from "./catalogue.ts";
export { type DryRun, type DryRunQuery, type DryRunRequest, type DryRunStep, dryRun } from "./dry-run.ts";
export { type CatalogueChange, type LiveCatalogue, watchCatalogue } from "./live-catalogue.ts";
export { loadTableShapes, type MetadataTable, PLATFORM_TABLES, TENANT_TABLES } from "./metadata.ts";
export { type ParameterValues, RESERVED_VARIABLES, resolveParameters, TRIGGER_BY } from "./parameters.ts";
export { parseTemplate } from "./parse-template.ts";
export { pipelineIdOf, type RunContext, resolve } from "./resolve.ts";
export type {
  Fault,
  JsonValue,
  OnFailure,
  Parameter,
  ParameterType,
  Problem,
  ResolvedDestination,
  ResolvedQuery,
  ResolvedRun,
  ResolvedStep,
  Retry,
  Scalar,
  StepWork,
  Template,
  TemplateName,
  TemplateStep,
} from "./types.ts";
export { showFault } from "./types.ts";
