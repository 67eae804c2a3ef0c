import type { Prng } from "../../simulation/world/prng.ts";
import type { TemplateName } from "../history.ts";
import { pause } from "../until.ts";
import type { Clients } from "./clients.ts";
import type { Tenant } from "./tenant.ts";

/** Runs asked for a second, all tenants together. */
const RUNS_PER_SECOND = 20;
/** How many of a hundred runs are of each template. */
const MIX: readonly (readonly [TemplateName, number])[] = [
  ["noop", 65],
  ["append", 16],
  ["graph", 12],
  ["fail", 7],
];
/** One submission in so many is repeated after its answer; is cancelled; is followed to its end; comes with a look; ... */
const ONE_IN = { repeat: 20, cancel: 15, follow: 10, retry: 2, look: 4, list: 20, issue: 60, revoke: 80 };
/** The tenant that is made anew is made anew each so many milliseconds. */
const RECREATE_MS = 45_000;

/** Keeps the clients asking until told to stop. The load is open: it does not wait for answers. */
export class Load {
  readonly #clients: Clients;
  readonly #prng: Prng;
  #on = true;

  constructor(clients: Clients, prng: Prng) {
    this.#clients = clients;
    this.#prng = prng;
  }

  /** Resolves some time after `stop`. */
  async run(): Promise<void> {
    const begun = performance.now();
    let recreateAt = begun + RECREATE_MS / 3;
    for (let n = 0; this.#on; n += 1) {
      await pause(Math.max(0, begun + (n * 1_000) / RUNS_PER_SECOND - performance.now()));
      // Who waits for a new key does not ask for more; what was asked for before is insisted on.
      const tenants = this.#clients.tenants.filter(({ beingRecreated }) => !beingRecreated);
      this.#clients.start(this.#oneRun(this.#prng.pick(tenants)));
      this.#beside(this.#prng.pick(tenants));
      if (performance.now() > recreateAt) {
        recreateAt += RECREATE_MS;
        const victim = this.#clients.tenants.find(({ recreated }) => recreated);
        if (victim !== undefined) this.#clients.start(this.#clients.recreate(victim));
      }
    }
  }

  stop(): void {
    this.#on = false;
  }

  async #oneRun(tenant: Tenant): Promise<void> {
    const submit = await this.#clients.submit(tenant, this.#template());
    const [id] = submit.runIds;
    if (id !== undefined && this.#one("cancel")) await this.#clients.cancel(tenant, id);
    if (this.#one("repeat")) await this.#clients.repeat(tenant, submit);
    if (id === undefined) return;
    if (submit.template === "fail" && this.#one("retry")) await this.#clients.retryOnceFailed(tenant, id);
    else if (this.#one("follow")) await this.#clients.look(tenant, id, 8);
  }

  #beside(tenant: Tenant): void {
    const clients = this.#clients;
    const run = tenant.runs.length === 0 ? undefined : this.#prng.pick(tenant.runs);
    if (run !== undefined && this.#one("look")) clients.start(clients.look(tenant, run.id));
    if (this.#one("list")) clients.start(clients.list(tenant));
    if (tenant.recreated) return;
    if (this.#one("issue")) clients.start(clients.issue(tenant));
    const spare = tenant.keys.find(({ id, inForce }) => inForce && !id.startsWith("onboarding"));
    if (spare !== undefined && this.#one("revoke")) clients.start(clients.revoke(tenant, spare));
  }

  #one(what: keyof typeof ONE_IN): boolean {
    return this.#prng.int(1, ONE_IN[what]) === 1;
  }

  #template(): TemplateName {
    let left = this.#prng.int(1, 100);
    for (const [template, share] of MIX) {
      left -= share;
      if (left <= 0) return template;
    }
    return "noop";
  }
}
