import { parsed } from "./arguments.ts";
import type { Command } from "./command.ts";
import {
  checkBigQuery,
  checkDataFolder,
  checkGateway,
  checkKafka,
  checkKey,
  checkNode,
  checkPorts,
  checkTemplates,
  type Finding,
} from "./doctor-checks.ts";

const HELP = `usage: npm run convergence -- doctor [--json]

Checks what the platform needs on this machine and what the environment variables name: Node, the data folder, the
ports, the gateway and the API key, BigQuery, the templates, and Kafka where KAFKA_BROKERS is set. Changes nothing.

  --json   prints [{what, state, found, remedy}]

Exit codes: 0 nothing fails; 1 something fails; 2 not understood.`;

const CHECKS = [
  checkNode,
  checkDataFolder,
  checkPorts,
  checkGateway,
  checkKey,
  checkBigQuery,
  checkTemplates,
  checkKafka,
];

export const doctor: Command = {
  summary: "checks what the platform needs, and says what to do about it",
  help: HELP,
  async run(args, world) {
    const { values } = parsed(args, { json: { type: "boolean", default: false } });
    const findings = (await Promise.all(CHECKS.map((check) => check(world.config)))).flat();
    if (values.json) world.print(JSON.stringify(findings, null, 2));
    else for (const finding of findings) world.print(line(finding));
    return findings.some(({ state }) => state === "fail") ? 1 : 0;
  },
};

function line({ state, what, found, remedy }: Finding): string {
  return `${state.padEnd(4)}  ${what.padEnd(11)}  ${found}${remedy === "" ? "" : `. ${remedy}`}`;
}
