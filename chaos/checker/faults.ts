import { place } from "./log.ts";
import type { Rule } from "./rule.ts";

/** The dead letters are the poison: all of it, nothing else, as it was. */
export const deadLetters: Rule = {
  name: "the dead letters are exactly the poison",
  check({ evidence, log, checked, violation }) {
    const letters = new Map(log.deadLetters.map((letter) => [letter.origin, letter]));
    const poison = new Map(evidence.poison.map((record) => [place(record), record]));
    for (const [origin, { value }] of poison) {
      checked();
      const letter = letters.get(origin);
      if (letter === undefined) violation(`${origin} is poison, and not among the dead letters`);
      else if (letter.value !== value) violation(`${origin} is not as it was among the dead letters`);
    }
    for (const { origin, topic } of letters.values()) {
      checked();
      if (!poison.has(origin)) violation(`${topic} holds ${origin}, which is no poison`);
    }
  },
};

/** A fault that did not strike proves nothing. */
export const struck: Rule = {
  name: "every planned fault struck",
  check({ evidence, checked, violation }) {
    for (const [kind, planned] of Object.entries(evidence.planned)) {
      checked();
      const found = evidence.strikes.filter((strike) => strike.kind === kind).length;
      if (found < planned) violation(`${planned} faults of kind ${kind} were planned, ${found} struck`);
    }
  },
};
