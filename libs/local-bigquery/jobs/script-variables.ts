import { invalidQuery } from "../errors.ts";
import { variableKey } from "../sql/analysis.ts";
import type { Parameter } from "../sql/params.ts";

/** A script's variables: by lower-case name, in nested blocks. */
export class Variables {
  #blocks: Map<string, Parameter>[];

  constructor(own: Map<string, Parameter> = new Map()) {
    this.#blocks = [own];
  }

  /** Opens a block, and gives what closes it and all within it. */
  open(own: Map<string, Parameter> = new Map()): () => void {
    const depth = this.#blocks.length;
    this.#blocks.push(own);
    return () => {
      this.#blocks = this.#blocks.slice(0, depth);
    };
  }

  declare(name: string, value: Parameter | undefined): void {
    const key = name.toLowerCase();
    if (this.#blocks.some((b) => b.has(key))) throw invalidQuery(`Variable '${name}' redeclaration`);
    if (value) this.#blocks.at(-1)?.set(key, value);
  }

  #blockOf(name: string): Map<string, Parameter> {
    const block = this.#blocks.findLast((b) => b.has(name.toLowerCase()));
    if (!block) throw invalidQuery(`Undeclared variable: ${name}`);
    return block;
  }

  /** Throws where there is none of the name. */
  get(name: string): Parameter | undefined {
    return this.#blockOf(name).get(name.toLowerCase());
  }

  set(name: string, value: Parameter): void {
    this.#blockOf(name).set(name.toLowerCase(), value);
  }

  /** All of them as parameters of a statement, beside the request's own. */
  asParameters(own: ReadonlyMap<string, Parameter>): Map<string, Parameter> {
    const all = new Map(own);
    for (const block of this.#blocks) for (const [name, value] of block) all.set(variableKey(name), value);
    return all;
  }
}
