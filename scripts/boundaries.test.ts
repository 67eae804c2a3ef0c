import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

const root = path.dirname(import.meta.dirname);
const SERVICES = ["gateway", "tenant-service", "pipeline-service", "step-runner"];
/** Libraries that decide and fold: they know what travels, and neither bus nor warehouse nor machine. */
const PURE: Record<string, string[]> = {
  contracts: [],
  log: ["contracts"],
  cron: [],
  run: ["contracts", "cron"],
  tenant: ["contracts"],
};

/** Tests and what serves them alone may import what they like. */
function isProduct(file: string): boolean {
  return !/(\.test|test-kit|contract-suite)\.ts$|\/(testing|contract|corpus)\//.test(file);
}

interface Import {
  file: string;
  target: string;
}

/** Every import of a workspace from another place than its own folder. */
function imports(folder: string): Import[] {
  const files = globSync(`${folder}/**/*.ts`, {
    cwd: root,
    exclude: (name) => name.includes("node_modules"),
  });
  return files.flatMap((file) =>
    [...readFileSync(path.join(root, file), "utf8").matchAll(/(?:from|import\()\s*"([^"]+)"/g)].flatMap(
      ([, specifier]) => {
        if (specifier === undefined) return [];
        const own = specifier.match(/^@convergence\/([^/]+)/)?.[1];
        if (own !== undefined) return [{ file, target: own }];
        if (!specifier.startsWith(".")) return [];
        const reached = path.relative(root, path.resolve(root, path.dirname(file), specifier));
        return reached.startsWith(`${folder}/`) ? [] : [{ file, target: reached }];
      },
    ),
  );
}

test("libraries never import services, by name or by path", () => {
  const libs = globSync("libs/*", { cwd: root });
  assert.ok(libs.length > 5);
  const wrong = libs
    .flatMap(imports)
    .filter(
      ({ target }) =>
        SERVICES.includes(target) || target.startsWith("services/") || target.startsWith("cli/"),
    );
  assert.deepEqual(wrong, []);
});

test("services never import one another", () => {
  for (const service of SERVICES) {
    const found = imports(`services/${service}`);
    assert.ok(found.length > 0, service);
    const wrong = found.filter(
      ({ target }) => (SERVICES.includes(target) && target !== service) || target.startsWith("services/"),
    );
    assert.deepEqual(wrong, [], service);
  }
});

test("the gateway never reaches the warehouse: no warehouse request on authentication or status", () => {
  const wrong = imports("services/gateway").filter(({ target }) =>
    ["warehouse", "local-bigquery"].includes(target),
  );
  assert.deepEqual(wrong, []);
});

test("workspaces are imported by name, never by a path into another folder", () => {
  const folders = [...globSync("libs/*", { cwd: root }), ...SERVICES.map((service) => `services/${service}`)];
  const wrong = folders.flatMap(imports).filter(({ target }) => target.includes("/"));
  assert.deepEqual(wrong, []);
});

test("the pure libraries import nothing of bus, warehouse or runtime", () => {
  for (const [lib, allowed] of Object.entries(PURE)) {
    const product = imports(`libs/${lib}`).filter(({ file }) => isProduct(file));
    const wrong = product.filter(({ target }) => target !== lib && !allowed.includes(target));
    assert.deepEqual(wrong, [], lib);
  }
});

test("each workspace declares the packages that it imports", () => {
  const workspaces = [
    ...globSync("libs/*", { cwd: root }),
    ...SERVICES.map((service) => `services/${service}`),
  ];
  for (const folder of workspaces) {
    const manifest: { dependencies?: Record<string, string> } = JSON.parse(
      readFileSync(path.join(root, folder, "package.json"), "utf8"),
    );
    const declared = new Set(Object.keys(manifest.dependencies ?? {}));
    const files = globSync(`${folder}/**/*.ts`, { cwd: root }).filter((file) => isProduct(file));
    for (const file of files) {
      for (const [, specifier] of readFileSync(path.join(root, file), "utf8").matchAll(
        /from "([^".][^"]*)"/g,
      )) {
        const name = specifier?.match(/^(@[^/]+\/[^/]+|[^/]+)/)?.[1];
        if (name === undefined || name.startsWith("node:") || name.startsWith("@convergence/")) continue;
        assert.ok(
          declared.has(name),
          `${file} imports ${name}, which ${folder}/package.json does not declare`,
        );
      }
    }
  }
});
