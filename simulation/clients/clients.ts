import type { TenantCaller } from "@convergence/gateway/access.ts";
import type { Gateway } from "@convergence/gateway/gateway.ts";
import { ApiProblem } from "@convergence/gateway/problem.ts";
import { sleep } from "@convergence/runtime/clock.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { DOMAIN, PROVIDER } from "../cluster/materials.ts";
import type { Oracle } from "../oracle/oracle.ts";
import type { Command } from "../plan/plan.ts";
import { Prng } from "../world/prng.ts";
import type { World } from "../world/world.ts";
import { Asking, Lost } from "./asking.ts";
import { Customer, type HeldKey } from "./customer.ts";
import { askForLater } from "./planning.ts";

const ADMIN = { kind: "admin" } as const;
/** Milliseconds after which a revoked key must be refused by every gateway whose view had no reason to lag. */
const REFUSED_WITHIN_MS = 1_500;

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

export interface ClientsDeps {
  world: World;
  cluster: Cluster;
  oracle: Oracle;
  seed: number;
  note(what: string): void;
  violation(what: string): void;
}

/** The tenants' people and the operator: they ask gateways, lose patience, ask again, and check what they are told. */
export class Clients {
  readonly #deps: ClientsDeps;
  readonly #customers = new Map<string, Customer>();
  readonly #asking: Asking;
  #busy = 0;

  constructor(deps: ClientsDeps) {
    this.#deps = deps;
    this.#asking = new Asking(deps);
  }

  /** Commands that are not over. */
  get busy(): number {
    return this.#busy;
  }

  get customers(): Iterable<Customer> {
    return this.#customers.values();
  }

  /** From now on clients give up rather than wait for a key. */
  giveUp(): void {
    this.#asking.hurry = true;
  }

  give(command: Command, index: number): void {
    this.#busy++;
    const prng = new Prng(`client/${this.#deps.seed}/${index}`);
    this.#do(command, prng).then(
      () => {
        this.#busy--;
      },
      (error) => {
        this.#busy--;
        this.#deps.violation(`the client of "${command.kind}" broke: ${String(error)}`);
      },
    );
  }

  #do(command: Command, prng: Prng): Promise<void> {
    const customer = this.#customer(command.tenant);
    switch (command.kind) {
      case "onboard":
        return this.#onboard(customer, command, prng);
      case "run":
        return this.#run(customer, command, prng);
      case "issue":
        return this.#issue(customer, command, prng);
      case "rotate":
        return this.#rotate(customer, command, prng);
      case "revoke":
        return this.#revoke(customer, command, prng);
      case "cancel":
        return this.#cancel(customer, command, prng);
      case "retry":
        return this.#retry(customer, command, prng);
      case "schedule":
      case "unschedule":
      case "backfill":
      case "cancel backfill":
        return this.#later(customer, command, prng);
      case "look":
        return this.#look(customer, prng);
      case "probe":
        return this.#probe(customer);
    }
  }

  #customer(name: string): Customer {
    const known = this.#customers.get(name.toLowerCase());
    if (known !== undefined) return known;
    const customer = new Customer(name);
    this.#customers.set(customer.id, customer);
    return customer;
  }

  async #onboard(customer: Customer, command: Of<"onboard">, prng: Prng): Promise<void> {
    const request = {
      tenant_id: command.tenant,
      force_recreate_dataset: command.force === "dataset",
      force_recreate_tables: command.force === "tables",
    };
    let lose = command.loseAnswer;
    await this.#asking.insist(prng, 30_000, async (gateway) => {
      const answer = await gateway.onboard(ADMIN, request, head(command.idempotencyKey));
      if (lose) {
        lose = false;
        throw new Lost();
      }
      answer.delivered();
      this.#received(customer, answer.body.api_key, null);
      this.#deps.note(`client: ${command.tenant} is onboarded (${answer.body.dryrun_status})`);
    });
  }

  async #issue(customer: Customer, command: Of<"issue">, prng: Prng): Promise<void> {
    const expiresAt = command.expiresInMs === null ? null : this.#deps.world.now() + command.expiresInMs;
    const request = {
      scopes: ["run" as const, "read" as const],
      expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    };
    await this.#asking.insist(prng, 12_000, async (gateway) => {
      const answer = await gateway.issueKey(ADMIN, customer.name, request, head(command.idempotencyKey));
      answer.delivered();
      this.#received(customer, answer.body.api_key, expiresAt);
    });
  }

  async #rotate(customer: Customer, command: Of<"rotate">, prng: Prng): Promise<void> {
    await this.#keyOf(customer);
    const held = customer.keys.filter(({ revoking }) => !revoking);
    const key = held[command.which % Math.max(1, held.length)];
    const keyId = key === undefined ? undefined : this.#deps.oracle.keys.byText(key.text)?.keyId;
    if (key === undefined || keyId === undefined) return;
    const request = { grace_seconds: command.graceSeconds };
    const asked = head(command.idempotencyKey);
    await this.#asking.insist(prng, 12_000, async (gateway) => {
      const answer = await gateway.rotateKey(ADMIN, customer.name, keyId, request, asked);
      answer.delivered();
      const { api_key, expires_at, replaces } = answer.body;
      this.#received(customer, api_key, expires_at === null ? null : Date.parse(expires_at));
      if (replaces.key_id !== keyId) {
        this.#deps.violation(`${customer.name} asked to rotate ${keyId} and was told of ${replaces.key_id}`);
      }
      key.expiresAt = Date.parse(replaces.expires_at);
    });
  }

  #received(customer: Customer, text: string, expiresAt: number | null): void {
    const key = this.#deps.oracle.keys.byText(text);
    if (key === undefined || key.tenantId !== customer.id) {
      this.#deps.violation(`${customer.name} was given a key that no counted event knows as its own`);
    }
    customer.hold(text, expiresAt);
  }

  async #run(customer: Customer, command: Of<"run">, prng: Prng): Promise<void> {
    const key = await this.#keyOf(customer);
    if (key === undefined) return;
    const path = { tenantId: customer.name, provider: PROVIDER, domain: DOMAIN, name: command.template };
    let asked = false;
    const answer = await this.#asking.insist(prng, 8_000, async (gateway) => {
      const caller = this.#authenticate(gateway, customer, key);
      // Without an Idempotency-Key, a repeat would be another run.
      if (asked && command.idempotencyKey === null) throw new ApiProblem(400, "not-repeated", "");
      asked = true;
      const triggered = await gateway.submitRun(caller, path, command.body, head(command.idempotencyKey));
      this.#triggered(customer, command, triggered.pipeline_logging_id);
      return { caller, runId: triggered.pipeline_logging_id };
    });
    if (answer.kind !== "ok" || !command.follow) return;
    const { caller, runId } = answer.value;
    await this.#asking.ask(prng, 25_000, (gateway) => gateway.run(caller, runId, 20_000));
  }

  /** One Idempotency-Key and body is one run, for every answer. */
  #triggered(customer: Customer, command: Of<"run">, runId: string): void {
    customer.runs.push(runId);
    if (command.idempotencyKey === null) return;
    const name = `${command.template}|${command.idempotencyKey}`;
    const [body, known] = [JSON.stringify(command.body), customer.runsByKey.get(name)];
    if (known !== undefined && known !== `${runId} ${body}`) {
      this.#deps.violation(
        `Idempotency-Key ${name} of ${customer.name} stands for ${known} and for ${runId} ${body}`,
      );
    }
    customer.runsByKey.set(name, `${runId} ${body}`);
  }

  async #revoke(customer: Customer, command: Of<"revoke">, prng: Prng): Promise<void> {
    await this.#keyOf(customer);
    const held = customer.keys.filter(({ revoking }) => !revoking);
    const key = held[command.which % Math.max(1, held.length)];
    const keyId = key === undefined ? undefined : this.#deps.oracle.keys.byText(key.text)?.keyId;
    if (key === undefined || keyId === undefined) return;
    key.revoking = true;
    const answer = await this.#asking.insist(prng, 12_000, async (gateway) => {
      await gateway.revokeKey(ADMIN, customer.name, keyId, head(null));
      // It must be refused at once by the gateway that answers.
      this.#mustRefuse(gateway, key, "the gateway that answered its revocation");
    });
    if (answer.kind !== "ok") return;
    key.revokedAt = { at: this.#deps.world.now(), by: answer.slot.process?.name ?? "" };
  }

  /** What is answered as CANCELLED is so in the log, and stays so. */
  async #cancel(customer: Customer, command: Of<"cancel" | "retry">, prng: Prng): Promise<void> {
    const key = await this.#keyOf(customer);
    const runId = customer.runs.at(-1 - command.back);
    if (key === undefined || runId === undefined) return;
    await this.#asking.insist(prng, 8_000, async (gateway) => {
      const caller = this.#authenticate(gateway, customer, key);
      const { status } = await gateway.cancelRun(caller, runId, head(null));
      const seen = this.#deps.oracle.runs.byId.get(runId);
      if (status !== "CANCELLED" || seen?.status !== "CANCELLED") {
        this.#deps.violation(`the cancel of run ${runId} is answered ${status}; it is ${seen?.status}`);
      }
    });
  }

  /** A retry does again what failed, and nothing that was done; one Idempotency-Key is one new run. */
  async #retry(customer: Customer, command: Of<"cancel" | "retry">, prng: Prng): Promise<void> {
    const key = await this.#keyOf(customer);
    const runId = customer.runs.at(-1 - command.back);
    if (key === undefined || runId === undefined) return;
    let asked = false;
    await this.#asking.insist(prng, 8_000, async (gateway) => {
      const caller = this.#authenticate(gateway, customer, key);
      if (asked && command.idempotencyKey === null) throw new ApiProblem(400, "not-repeated", "");
      asked = true;
      const again = await gateway.retryRun(caller, runId, head(command.idempotencyKey));
      const name = `retry ${runId}|${command.idempotencyKey}`;
      const known = customer.runsByKey.get(name) ?? again.pipeline_logging_id;
      if (command.idempotencyKey !== null && known !== again.pipeline_logging_id) {
        this.#deps.violation(`${name} stands for ${known} and for ${again.pipeline_logging_id}`);
      }
      customer.runsByKey.set(name, again.pipeline_logging_id);
      customer.runs.push(again.pipeline_logging_id);
    });
  }

  async #later(
    customer: Customer,
    command: Of<"schedule" | "unschedule" | "backfill" | "cancel backfill">,
    prng: Prng,
  ): Promise<void> {
    const key = await this.#keyOf(customer);
    if (key === undefined) return;
    const idempotencyKey = command.kind === "backfill" ? command.idempotencyKey : null;
    // Without an Idempotency-Key, a repeat would be another backfill.
    const once = command.kind === "backfill" && idempotencyKey === null;
    const asking = once ? this.#asking.ask.bind(this.#asking) : this.#asking.insist.bind(this.#asking);
    await asking(prng, 8_000, async (gateway) => {
      const caller = this.#authenticate(gateway, customer, key);
      const wrong = await askForLater(gateway, caller, customer, command, head(idempotencyKey));
      if (wrong !== null) this.#deps.violation(`${customer.name}: ${wrong}`);
    });
  }

  async #look(customer: Customer, prng: Prng): Promise<void> {
    const key = await this.#keyOf(customer);
    if (key === undefined) return;
    const foreign = [...this.#customers.values()]
      .filter((other) => other !== customer)
      .flatMap(({ runs }) => runs);
    await this.#asking.ask(prng, 8_000, async (gateway) => {
      const caller = this.#authenticate(gateway, customer, key);
      const { runs } = await gateway.runs(caller, {}, { limit: 50, cursor: null });
      for (const run of runs) {
        const seen = this.#deps.oracle.runs.byId.get(run.pipeline_logging_id);
        if (seen !== undefined && seen.tenantId !== customer.id) {
          this.#deps.violation(
            `${customer.name} is shown run ${run.pipeline_logging_id} of ${seen.tenantId}`,
          );
        }
      }
      if (foreign.length > 0) await this.#mustNotSee(gateway, caller, prng.pick(foreign));
    });
  }

  async #mustNotSee(gateway: Gateway, caller: TenantCaller, runId: string): Promise<void> {
    try {
      await gateway.run(caller, runId, 0);
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 404) return;
      throw error;
    }
    this.#deps.violation(`${caller.tenantId} reads the foreign run ${runId}`);
  }

  /** No key that was revoked lets in any more, wherever the news had time to come. */
  async #probe(customer: Customer): Promise<void> {
    const { world, cluster } = this.#deps;
    for (const key of customer.keys) {
      if (key.revokedAt === undefined) continue;
      for (const slot of cluster.slots) {
        const { gateway, process } = slot;
        if (gateway === undefined || process?.running !== true) continue;
        const since = Math.max(key.revokedAt.at, cluster.trouble.lastLag(slot.name), slot.readyAt);
        const answered = key.revokedAt.by === process.name;
        if (answered || world.now() - since > REFUSED_WITHIN_MS) {
          this.#mustRefuse(gateway, key, process.name);
        }
      }
    }
  }

  #mustRefuse(gateway: Gateway, key: HeldKey, who: string): void {
    try {
      gateway.authenticate(key.text);
    } catch (error) {
      if (error instanceof ApiProblem) return;
      throw error;
    }
    this.#deps.violation(`a revoked key lets in at ${who}`);
  }

  #authenticate(gateway: Gateway, customer: Customer, key: HeldKey): TenantCaller {
    const caller = gateway.authenticate(key.text);
    if (caller.tenantId !== customer.id) {
      this.#deps.violation(`a key of ${customer.id} lets in as ${caller.tenantId}`);
    }
    return caller;
  }

  /** A key to work with, waited for at most a while. */
  async #keyOf(customer: Customer): Promise<HeldKey | undefined> {
    for (let waited = 0; waited < 15 && !this.#asking.hurry; waited++) {
      const key = customer.key(this.#deps.world.now());
      if (key !== undefined) return key;
      await sleep(this.#deps.world, 1_500);
    }
    return customer.key(this.#deps.world.now());
  }
}

function head(idempotencyKey: string | null): {
  idempotencyKey: string | null;
  requestId: null;
  trace: null;
} {
  return { idempotencyKey, requestId: null, trace: null };
}
