import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Prng } from "../../simulation/world/prng.ts";
import {
  type Cancel,
  type Exchange,
  type Issue,
  type List,
  type Look,
  type Operation,
  type Recreate,
  type Revoke,
  type Submit,
  TEMPLATES,
  type TemplateName,
} from "../history.ts";
import type { Supervised } from "../system/supervised.ts";
import { Asking, type InsistOptions, ONBOARDING_PATIENCE_MS, type Reply } from "./asking.ts";
import { type HeldKey, Tenant } from "./tenant.ts";

const triggered = z.object({ pipeline_logging_id: z.string() });
const onboarded = z.object({ api_key: z.string() });
const issued = z.object({ api_key: z.string(), key_id: z.string() });
const detail = z.object({ status: z.string() });
const page = z.object({ runs: z.array(z.object({ pipeline_logging_id: z.string() })) });

export interface ClientsOptions {
  gateways: readonly Supervised[];
  adminKey: string;
  prng: Prng;
}

/** Tenants' people and the operator: they ask, insist, and write down what they were told. */
export class Clients {
  readonly operations: Operation[] = [];
  readonly tenants: Tenant[] = [];
  readonly #options: ClientsOptions;
  readonly #asking: Asking;
  readonly #open = new Set<Promise<unknown>>();

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#asking = new Asking(options.gateways, options.prng);
  }

  /** Operations that have no answer yet. */
  get open(): number {
    return this.#open.size;
  }

  /** Lets an operation go on by itself. */
  start(operation: Promise<unknown>): void {
    this.#open.add(operation);
    void operation.finally(() => this.#open.delete(operation));
  }

  /** From now on nobody tries again; resolves when all have stopped. */
  async giveUp(): Promise<void> {
    this.#asking.giveUp();
    await Promise.all(this.#open);
  }

  /** Onboards a tenant before anything goes wrong; its key is shown once. */
  async onboard(name: string, recreated: boolean): Promise<void> {
    const tenant = new Tenant(name, recreated);
    const operation: Recreate = { kind: "recreate", tenant: name, exchanges: [], answered: false };
    const reply = await this.#askOnboarding(operation, { tenant_id: name });
    if (reply?.status !== 200) throw new Error(`${name} is not onboarded: ${JSON.stringify(reply?.body)}`);
    this.#holdOnboarding(tenant, reply);
    this.tenants.push(tenant);
  }

  /** Makes a tenant's tables anew: its open runs are cancelled, its keys replaced. */
  async recreate(tenant: Tenant): Promise<void> {
    const operation: Recreate = { kind: "recreate", tenant: tenant.name, exchanges: [], answered: false };
    if (tenant.beingRecreated) return;
    this.operations.push(operation);
    tenant.beingRecreated = true;
    for (const key of tenant.keys) key.sure = false;
    const reply = await this.#askOnboarding(operation, {
      tenant_id: tenant.name,
      force_recreate_tables: true,
    });
    tenant.beingRecreated = false;
    if (reply?.status !== 200) return;
    for (const key of tenant.keys) [key.inForce, key.sure] = [false, true];
    this.#holdOnboarding(tenant, reply);
  }

  #askOnboarding(operation: Recreate, body: object): Promise<Reply | null> {
    const headers = { ...this.#admin(), "Idempotency-Key": randomUUID() };
    const path = "/api/v1/customers/onboard";
    return this.#asking.insist(operation, () => ({
      method: "POST",
      path,
      body,
      headers,
      patienceMs: ONBOARDING_PATIENCE_MS,
    }));
  }

  #holdOnboarding(tenant: Tenant, reply: Reply): void {
    const { api_key: text } = onboarded.parse(reply.body);
    tenant.keys.push({ id: `onboarding-${tenant.keys.length + 1}`, text, inForce: true, sure: true });
  }

  /** Asks for a run, perhaps repeats that later, perhaps follows it to its end. */
  async submit(tenant: Tenant, template: TemplateName, options: InsistOptions = {}): Promise<Submit> {
    const operation = submission(tenant, template, null);
    this.operations.push(operation);
    await this.#ask(tenant, operation, options);
    return operation;
  }

  /** Waits a little for a run to fail, then has it go on from there: once more in vain. */
  async retryOnceFailed(tenant: Tenant, runId: string): Promise<void> {
    if ((await this.look(tenant, runId, 8)) !== "FAILED") return;
    const operation = submission(tenant, "fail", runId);
    this.operations.push(operation);
    await this.#ask(tenant, operation);
  }

  /** Cancels a run, which may be over before. */
  async cancel(tenant: Tenant, runId: string): Promise<void> {
    const operation: Cancel = { kind: "cancel", tenant: tenant.name, runId, exchanges: [], answered: false };
    this.operations.push(operation);
    const path = `/api/v1/pipelines/runs/${runId}/cancel`;
    const make = () => ({ method: "POST", path, headers: keyHeader(tenant.main()) });
    // 404: a run that was answered without an outcome, and that this gateway has not heard of.
    await this.#asking.insist(operation, make, { passing: [404, ...passing(tenant)] });
  }

  /** The same request once more: it must give the same run. */
  async repeat(tenant: Tenant, operation: Submit): Promise<void> {
    operation.answered = false;
    await this.#ask(tenant, operation);
  }

  async #ask(tenant: Tenant, operation: Submit, options: InsistOptions = {}): Promise<void> {
    const path =
      operation.retryOf === null
        ? `/api/v1/pipelines/run/${tenant.name}/${TEMPLATES[operation.template]}`
        : `/api/v1/pipelines/runs/${operation.retryOf}/retry`;
    const reply = await this.#asking.insist(
      operation,
      () => ({
        method: "POST",
        path,
        body: {},
        headers: { ...keyHeader(tenant.main()), "Idempotency-Key": operation.idempotencyKey },
      }),
      { ...options, passing: passing(tenant) },
    );
    if (reply?.status !== 200) return;
    const id = triggered.parse(reply.body).pipeline_logging_id;
    operation.runIds.push(id);
    tenant.shown(id, reply.process);
  }

  /** Looks at a run, for `waitS` seconds at most until it is over. Returns the status shown, null for none. */
  async look(tenant: Tenant, runId: string, waitS = 0): Promise<string | null> {
    const operation: Look = {
      kind: "look",
      tenant: tenant.name,
      runId,
      shownBefore: false,
      status: null,
      exchanges: [],
      answered: false,
    };
    this.operations.push(operation);
    const path = `/api/v1/pipelines/runs/${runId}${waitS === 0 ? "" : `?wait=${waitS}`}`;
    const make = () => ({ method: "GET", path, headers: keyHeader(tenant.main()) });
    const reply = await this.#asking.insist(operation, make, { passing: passing(tenant) });
    if (reply === null) return null;
    const asked = operation.exchanges.at(-1)?.at ?? 0;
    operation.shownBefore =
      (tenant.run(runId).shownBy.get(reply.process) ?? Number.POSITIVE_INFINITY) < asked;
    if (reply.status !== 200) return null;
    operation.status = detail.parse(reply.body).status;
    tenant.shown(runId, reply.process);
    return operation.status;
  }

  async list(tenant: Tenant): Promise<void> {
    const operation: List = { kind: "list", tenant: tenant.name, runIds: [], exchanges: [], answered: false };
    this.operations.push(operation);
    const make = () => ({
      method: "GET",
      path: "/api/v1/pipelines/runs?limit=50",
      headers: keyHeader(tenant.main()),
    });
    const reply = await this.#asking.insist(operation, make, { passing: passing(tenant) });
    if (reply?.status !== 200) return;
    operation.runIds = page.parse(reply.body).runs.map(({ pipeline_logging_id }) => pipeline_logging_id);
  }

  /** Has a further key issued. Its text is shown once: where that answer was lost, the key is nobody's. */
  async issue(tenant: Tenant): Promise<void> {
    const operation: Issue = {
      kind: "issue",
      tenant: tenant.name,
      keyId: null,
      exchanges: [],
      answered: false,
    };
    this.operations.push(operation);
    const headers = { ...this.#admin(), "Idempotency-Key": randomUUID() };
    const path = `/api/v1/customers/${tenant.name}/api-keys`;
    const reply = await this.#asking.insist(operation, () => ({ method: "POST", path, body: {}, headers }));
    if (reply?.status !== 201) return;
    const { api_key: text, key_id: id } = issued.parse(reply.body);
    operation.keyId = id;
    tenant.keys.push({ id, text, inForce: true, sure: true });
  }

  /** Revokes a key, and tries it right afterwards at the gateway that answered. */
  async revoke(tenant: Tenant, key: HeldKey): Promise<void> {
    const operation: Revoke = {
      kind: "revoke",
      tenant: tenant.name,
      keyId: key.id,
      afterwards: null,
      exchanges: [],
      answered: false,
    };
    this.operations.push(operation);
    [key.inForce, key.sure] = [false, false];
    const path = `/api/v1/customers/${tenant.name}/api-keys/${key.id}`;
    const make = () => ({ method: "DELETE", path, headers: this.#admin() });
    const reply = await this.#asking.insist(operation, make);
    if (reply?.status !== 204) return;
    key.sure = true;
    operation.afterwards = (await this.tryKey(key, reply.from))?.status ?? null;
  }

  /** A read with a key. */
  tryKey(key: HeldKey, gateway: Supervised): Promise<Reply | null> {
    return this.read(key, "/api/v1/pipelines/runs?limit=1", gateway, []);
  }

  /** A read, once, noted among `exchanges` alone. */
  read(key: HeldKey, path: string, gateway: Supervised, exchanges: Exchange[]): Promise<Reply | null> {
    return this.#asking.once(exchanges, { method: "GET", path, headers: keyHeader(key) }, gateway);
  }

  #admin(): Record<string, string> {
    return { "X-Admin-Key": this.#options.adminKey };
  }
}

function submission({ name }: Tenant, template: TemplateName, retryOf: string | null): Submit {
  const nothing = { runIds: [], exchanges: [], answered: false };
  return { kind: "submit", tenant: name, template, retryOf, idempotencyKey: randomUUID(), ...nothing };
}

function keyHeader({ text }: HeldKey): Record<string, string> {
  return { "X-API-Key": text };
}

/** 401: its keys are being replaced, and the new one is not in hand yet. */
function passing({ recreated }: Tenant): readonly number[] {
  return recreated ? [401] : [];
}
