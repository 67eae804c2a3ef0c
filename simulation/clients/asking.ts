import type { Gateway } from "@convergence/gateway/gateway.ts";
import { ApiProblem } from "@convergence/gateway/problem.ts";
import { sleep } from "@convergence/runtime/clock.ts";
import type { Cluster, Slot } from "../cluster/cluster.ts";
import type { Prng } from "../world/prng.ts";
import type { World } from "../world/world.ts";

/** How often a client repeats what failed. */
const ATTEMPTS = 8;

export type Answer<T> =
  | { kind: "ok"; value: T; slot: Slot; gateway: Gateway }
  | { kind: "problem"; problem: ApiProblem }
  /** No answer: the gateway is down, or did not answer in time. */
  | { kind: "silence" };

/** The answer does not reach its client. */
export class Lost extends Error {}

export interface AskingDeps {
  world: World;
  cluster: Cluster;
  note(what: string): void;
  violation(what: string): void;
}

/** How clients ask: any gateway, for a while, again where it may help. */
export class Asking {
  /** Clients give up rather than go on for long. */
  hurry = false;
  readonly #deps: AskingDeps;

  constructor(deps: AskingDeps) {
    this.#deps = deps;
  }

  /** Asks until there is an answer that a repeat would not change. */
  async insist<T>(
    prng: Prng,
    patienceMs: number,
    request: (gateway: Gateway) => Promise<T>,
  ): Promise<Answer<T>> {
    let answer: Answer<T> = { kind: "silence" };
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      answer = await this.ask(prng, patienceMs, request);
      if (answer.kind === "ok") return answer;
      // 401: the gateway may not know the key yet.
      const passing =
        answer.kind === "silence" || answer.problem.status === 503 || answer.problem.status === 401;
      if (!passing) return answer;
      await sleep(this.#deps.world, prng.int(200, 2_500));
      if (this.hurry && attempt >= 3) return answer;
    }
    return answer;
  }

  /** Asks one gateway, and waits for its answer no longer than `patienceMs`. */
  async ask<T>(
    prng: Prng,
    patienceMs: number,
    request: (gateway: Gateway) => Promise<T>,
  ): Promise<Answer<T>> {
    const { cluster, world } = this.#deps;
    const slot = prng.pick(cluster.slots.filter(({ name }) => name.startsWith("gateway")));
    const { gateway, process } = slot;
    if (gateway === undefined || process === undefined) return { kind: "silence" };
    const answered = new Promise<Answer<T>>((resolve) => {
      // A gateway that is frozen does not even take the request.
      process.whenRunning(() => {
        request(gateway).then(
          (value) => process.whenRunning(() => resolve({ kind: "ok", value, slot, gateway })),
          (error) => process.whenRunning(() => resolve(this.#refused(error))),
        );
      });
    });
    const { promise: silence, resolve } = Promise.withResolvers<Answer<T>>();
    const timer = world.after(patienceMs, () => resolve({ kind: "silence" }));
    const answer = await Promise.race([answered, silence]);
    timer.clear();
    return answer;
  }

  #refused(error: unknown): Answer<never> {
    if (error instanceof Lost) return { kind: "silence" };
    if (error instanceof ApiProblem) {
      this.#deps.note(`client: ${error.message}`);
      return { kind: "problem", problem: error };
    }
    this.#deps.violation(
      `a gateway answered with 500: ${error instanceof Error ? error.stack : String(error)}`,
    );
    return { kind: "silence" };
  }
}
