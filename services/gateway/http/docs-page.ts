import type { ApiDocument } from "./openapi.ts";

const STYLE = `
  :root { color-scheme: light dark; --line: #8884; --soft: #8881; --get: #0a7d3c; --post: #1f5fbf; --put: #8a5a00; --delete: #b3261e }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem 4rem }
  h1 { margin-bottom: 0 } h2 { margin-top: 2.5rem; text-transform: capitalize }
  code, pre { font: 14px/1.45 ui-monospace, monospace }
  details { border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0; padding: .5rem .9rem }
  summary { cursor: pointer; overflow-wrap: anywhere }
  .method { display: inline-block; min-width: 4.2em; font-weight: 700 }
  .get { color: var(--get) } .post { color: var(--post) } .put, .patch { color: var(--put) } .delete { color: var(--delete) }
  table { border-collapse: collapse; width: 100%; font-size: .92rem }
  th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-top: 1px solid var(--line) }
  pre { background: var(--soft); border-radius: 8px; padding: .7rem; overflow-x: auto }
`;

/** The API's description as a page to read: no script, nothing loaded from elsewhere. */
export function docsPage(document: ApiDocument): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    (["get", "post", "put", "patch", "delete"] as const).flatMap((method) => {
      const operation = item[method];
      return operation === undefined ? [] : [{ path, method, operation }];
    }),
  );
  const tags = (document.tags ?? []).map(({ name, description = "" }) => {
    const own = operations.filter(({ operation }) => operation.tags?.includes(name));
    return `<h2>${text(name)}</h2><p>${text(description)}</p>${own.map(section).join("")}`;
  });
  const { title, version, description = "" } = document.info;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${text(title)} API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head><body>
<h1>${text(title)} API</h1><p>Version ${text(version)}. For machines: <a href="/openapi.json">openapi.json</a>.</p>
<p>${text(description)}</p>${tags.join("")}<h2>Schemas</h2>${schemas(document)}</body></html>`;
}

interface Shown {
  path: string;
  method: string;
  operation: NonNullable<NonNullable<ApiDocument["paths"]>[string]["get"]>;
}

function section({ path, method, operation }: Shown): string {
  const {
    summary = "",
    description = "",
    security = [],
    parameters = [],
    requestBody,
    responses = {},
  } = operation;
  const keys = security.map((one) => Object.keys(one).join(" and ") || "none, on this machine");
  const parts = [
    `<p>${text(description)}</p>`,
    `<p>Key: ${text(keys.join(", or ") || "none")}.</p>`,
    parameters.length === 0 ? "" : table("Parameter", parameters.map(parameterRow)),
    requestBody === undefined ? "" : `<h4>Body</h4>${json(bodySchema(requestBody))}`,
    table("Answer", Object.entries(responses).map(responseRow)),
  ];
  return `<details><summary><span class="method ${method}">${method.toUpperCase()}</span> <code>${text(path)}</code>
 ${text(summary)}</summary>${parts.join("")}</details>`;
}

type Row = readonly [name: string, description: string];

function table(title: string, rows: readonly Row[]): string {
  const body = rows.map(
    ([name, about]) => `<tr><td><code>${text(name)}</code></td><td>${text(about)}</td></tr>`,
  );
  return `<table><tr><th>${title}</th><th></th></tr>${body.join("")}</table>`;
}

function parameterRow(parameter: object): Row {
  const { name, in: place, description, schema } = { ...asRecord(parameter) };
  const about = asRecord(schema);
  const what = description ?? about.description ?? about.type ?? "";
  return [`${String(name)} (${String(place)})`, String(what)];
}

function responseRow([status, response]: [string, unknown]): Row {
  const { description, content } = asRecord(response);
  const media = Object.values(asRecord(content)).map((one) => asRecord(asRecord(one).schema));
  const names = media.flatMap(({ $ref }) => (typeof $ref === "string" ? [$ref.split("/").at(-1) ?? ""] : []));
  return [status, [String(description ?? ""), ...names].join(" ")];
}

function bodySchema(body: object): unknown {
  return asRecord(Object.values(asRecord(asRecord(body).content))[0]).schema;
}

function schemas(document: ApiDocument): string {
  const all = Object.entries(document.components?.schemas ?? {});
  return all
    .map(
      ([name, schema]) => `<details><summary><code>${text(name)}</code></summary>${json(schema)}</details>`,
    )
    .join("");
}

function json(value: unknown): string {
  return `<pre>${text(JSON.stringify(value, null, 2))}</pre>`;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function text(raw: string): string {
  return raw.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
