import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { z } from "zod";
import { convergence } from "../testing/convergence.ts";

const root = path.dirname(path.dirname(import.meta.dirname));

/** Each with its faults: line, column, and what is said. */
const BROKEN: [file: string, text: string, faults: [number, number, RegExp][]][] = [
  [
    "gcp/cost/key.yml",
    "desciption: a\nsteps:\n  - { step_id: a, type: noop }\n",
    [[1, 1, /did you mean "description"\?/]],
  ],
  [
    "gcp/cost/two.yml",
    "steps:\n  - step_id: a\n    type: bigquery_qurey\n  - step_id: b\n    type: bigquery_query\n    query: \"SELECT '{dte}', '{date}'\"\n",
    [
      [3, 11, /did you mean "bigquery_query"\?/],
      [6, 21, /unknown variable \{dte\}; did you mean "date"\?/],
    ],
  ],
  [
    "gcp/cost/sql.yml",
    "steps:\n  - step_id: a\n    type: bigquery_query\n    query: |\n      SELECT x,\n        FROM WHERE day = '{date}'\n",
    [[6, 9, /would be refused: it cannot be read: .*got Where/]],
  ],
  [
    "gcp/cost/catalogue.yml",
    'source: { query: "SELECT * FROM INFORMATION_SCHEMA.SCHEMATA" }\ndestination: { table: t }\n',
    [[1, 18, /would be refused: "INFORMATION_SCHEMA.SCHEMATA" is not a plain table name/]],
  ],
  ["aws/usage/yaml.yml", "steps: [\n", [[1, 8, /not YAML/]]],
  ["aws/usage/ending.yaml", "steps: []\n", [[1, 1, /rename it to \.yml/]]],
];

describe("convergence validate", () => {
  let folder: string;
  let configs: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "convergence-validate-"));
    configs = path.join(folder, "configs");
    await cp(path.join(root, "configs"), configs, { recursive: true });
    for (const [file, text] of BROKEN) {
      await mkdir(path.dirname(path.join(configs, file)), { recursive: true });
      await writeFile(path.join(configs, file), text);
    }
  });
  after(() => rm(folder, { recursive: true }));

  test("the project's own templates have no fault", async () => {
    const { code, stdout, stderr } = await convergence(["validate", "configs/"]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^\d+ templates, no faults\.\n$/);
  });

  test("every fault of every file at once, where it stands in the file that was named", async () => {
    const { code, stdout } = await convergence(["validate", configs]);
    assert.equal(code, 1);
    const lines = stdout.trimEnd().split("\n");
    const expected = BROKEN.flatMap(([file, , faults]) =>
      faults.map(([line, column, says]) => ({
        place: `${path.join(configs, file)}:${line}:${column}: `,
        says,
      })),
    );
    for (const { place, says } of expected) {
      const line = lines.find((one) => one.startsWith(place));
      assert.ok(line, `${place} is not in\n${stdout}`);
      assert.match(line, says);
    }
    assert.match(lines.at(-1) ?? "", /^7 faults in 6 files; \d+ templates without\.$/);
    assert.equal(lines.length, expected.length + 1, stdout);
  });

  test("as JSON", async () => {
    const { code, stdout } = await convergence(["validate", "--json"], { CONVERGENCE_CONFIGS_DIR: configs });
    assert.equal(code, 1);
    const fault = z.object({
      file: z.string(),
      line: z.int(),
      column: z.int(),
      path: z.string(),
      message: z.string(),
    });
    const { faults } = z.object({ templates: z.int(), faults: z.array(fault) }).parse(JSON.parse(stdout));
    const key = faults.find(({ file }) => file === path.join(configs, "gcp/cost/key.yml"));
    assert.deepEqual([key?.line, key?.column, key?.path], [1, 1, "desciption"]);
  });

  test("what cannot be understood ends with 2 and a remedy in one line", async () => {
    for (const [args, says] of [
      [["validate", path.join(folder, "nowhere")], /there is no folder .*nowhere\. Name the folder/],
      [["validate", "--jsn"], /there is no option --jsn; did you mean "--json"\?/],
      [["validate", "a", "b"], /one folder at a time/],
      [["validte"], /there is no command "validte"; did you mean "validate"\?/],
      [[], /usage: npm run convergence/],
    ] as const) {
      const { code, stdout, stderr } = await convergence(args);
      assert.deepEqual([code, stdout], [2, ""], stderr);
      assert.match(stderr.split("\n")[0] ?? "", says);
    }
  });

  test("--help of all, and of each command", async () => {
    const all = await convergence(["--help"]);
    assert.equal(all.code, 0);
    const commands = [...all.stdout.matchAll(/^ {2}(\w+) {2}/gm)].map(([, name = ""]) => name);
    assert.ok(commands.includes("validate"));
    for (const command of commands) {
      const { code, stdout } = await convergence([command, "--help"]);
      assert.equal(code, 0);
      assert.ok(stdout.startsWith(`usage: npm run convergence -- ${command}`), stdout);
      assert.match(stdout, /Exit codes: 0 /);
    }
  });
});
