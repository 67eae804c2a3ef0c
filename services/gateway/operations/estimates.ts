import type { DryRun, DryRunStep } from "@convergence/pipeline/dry-run.ts";
import type { EstimateBytes, GatewayDeps } from "../deps.ts";
import { unavailable } from "../problem.ts";

/** How many dry runs may be estimated at once: BigQuery is slow, and other requests come first. */
export const ESTIMATES_AT_ONCE = 4;
/** How long one may take, in milliseconds. */
export const ESTIMATE_MS = 30_000;

/** A step with its bytes. */
export type EstimatedStep = DryRunStep & Awaited<ReturnType<EstimateBytes>>;

/** Asks BigQuery, through the function that the gateway was handed, for what queries would read. */
export class Estimates {
  readonly #deps: Pick<GatewayDeps, "clock" | "estimate">;
  #running = 0;

  constructor(deps: Pick<GatewayDeps, "clock" | "estimate">) {
    this.#deps = deps;
  }

  /** @throws ApiProblem 503 while as many are under way as may be */
  async of({ steps }: DryRun): Promise<EstimatedStep[]> {
    if (this.#running >= ESTIMATES_AT_ONCE) {
      throw unavailable("estimates-busy", "Other estimates are under way: repeat, or leave estimate out.");
    }
    this.#running += 1;
    try {
      return await this.#each(steps);
    } finally {
      this.#running -= 1;
    }
  }

  async #each(steps: readonly DryRunStep[]): Promise<EstimatedStep[]> {
    const { clock, estimate } = this.#deps;
    const deadline = clock.now() + ESTIMATE_MS;
    const estimated: EstimatedStep[] = [];
    for (const step of steps) {
      const late = clock.now() >= deadline;
      if (step.query === null) estimated.push({ ...step, ...none(null) });
      else if (estimate === null) estimated.push({ ...step, ...none(NO_BIGQUERY) });
      else if (late) estimated.push({ ...step, ...none("not estimated: the others took too long") });
      else estimated.push({ ...step, ...(await estimate(step.query)) });
    }
    return estimated;
  }
}

const NO_BIGQUERY = "not estimated: this gateway has no BigQuery; `npm run convergence -- plan` estimates";

/** Nothing is known of the bytes. */
export function none(note: string | null): Awaited<ReturnType<EstimateBytes>> {
  return { bytes_estimate: null, estimate_note: note };
}
