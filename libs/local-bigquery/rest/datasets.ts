import type { Dataset } from "../catalog/catalog.ts";
import { checkDatasetId } from "../catalog/names.ts";
import type { Store } from "../catalog/store.ts";
import { BigQueryError } from "../errors.ts";
import { createDataset, dropDataset } from "../jobs/tables.ts";
import { type JsonObject, objectOr, stringOr } from "../json.ts";
import { flag, noContent, ok, pageOf, type Reply, type Request } from "./http.ts";
import { matchesFilter, mergePatch, SETTABLE_DATASET, settable } from "./metadata.ts";

function show(dataset: Dataset): JsonObject {
  const { project, dataset: id, metadata } = dataset;
  return {
    kind: "bigquery#dataset",
    etag: etagOf(dataset),
    id: `${project}:${id}`,
    selfLink: `/bigquery/v2/projects/${project}/datasets/${id}`,
    datasetReference: { datasetId: id, projectId: project },
    ...metadata,
    creationTime: String(dataset.created),
    lastModifiedTime: String(dataset.modified),
    type: "DEFAULT",
  };
}

export function etagOf(thing: { created: number; modified: number }): string {
  return Buffer.from(`${thing.created}.${thing.modified}`).toString("base64url");
}

export async function insertDataset(store: Store, request: Request): Promise<Reply> {
  const body = request.json();
  const { project = "" } = request.params;
  const reference = objectOr(body.datasetReference);
  const dataset = stringOr(reference.datasetId, "");
  checkDatasetId(dataset);
  const metadata = { location: "US", ...settable(body, SETTABLE_DATASET) };
  await store.write((transaction) =>
    createDataset(transaction, project, dataset, metadata, store.creationTime()),
  );
  return ok(show(store.catalog.getDataset(project, dataset)));
}

export function getDataset(store: Store, request: Request): Reply {
  const { project = "", dataset = "" } = request.params;
  return ok(show(store.catalog.getDataset(project, dataset)));
}

export function listDatasets(store: Store, request: Request): Reply {
  const { project = "" } = request.params;
  const all = [...store.catalog.datasets.values()]
    .filter((d) => d.project === project && matchesFilter(d.metadata.labels, request.query.get("filter")))
    .sort((a, b) => (a.dataset < b.dataset ? -1 : 1));
  const { items, next } = pageOf(all, request.query, 50);
  const datasets = items.map((d): JsonObject => {
    const { kind, id, datasetReference, labels, location, friendlyName } = show(d);
    return { kind, id, datasetReference, labels, location, friendlyName };
  });
  return ok({
    kind: "bigquery#datasetList",
    etag: String(store.catalog.version),
    datasets,
    nextPageToken: next,
  });
}

/** PATCH merges, PUT replaces. */
export async function updateDataset(store: Store, request: Request): Promise<Reply> {
  const { project = "", dataset = "" } = request.params;
  const body = request.json();
  await store.write(async (transaction) => {
    const found = transaction.catalog.getDataset(project, dataset);
    checkEtag(request, etagOf(found));
    const given = settable(body, SETTABLE_DATASET);
    const kept = { location: found.metadata.location };
    const metadata = request.method === "PATCH" ? mergePatch(found.metadata, given) : { ...given, ...kept };
    await transaction.putDataset({ ...found, metadata, modified: Math.max(store.now(), found.modified + 1) });
  });
  return ok(show(store.catalog.getDataset(project, dataset)));
}

/** If-Match: the change is made only to the version that the client saw. */
export function checkEtag(request: Request, etag: string): void {
  const wanted = request.headers["if-match"];
  if (wanted !== undefined && wanted !== "*" && wanted !== etag)
    throw new BigQueryError("conditionNotMet", "Precondition check failed: the etag does not match");
}

export async function deleteDataset(store: Store, request: Request): Promise<Reply> {
  const { project = "", dataset = "" } = request.params;
  await store.write((transaction) =>
    dropDataset(
      transaction,
      project,
      dataset,
      flag(request.query, "deleteContents"),
      () => new BigQueryError("resourceInUse", `Dataset ${project}:${dataset} is still in use`),
    ),
  );
  return noContent;
}
