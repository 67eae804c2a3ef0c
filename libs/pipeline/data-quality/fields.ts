/** The fields that checks have in common. */
import { z } from "zod";
import { CheckFault } from "./check-type.ts";

export const column = z
  .string()
  .min(1, "must not be empty")
  .describe("A column; of a record as service.description");
export const columns = z.array(column).min(1, "must name at least one column");
export const otherTable = z.string().min(1, "must not be empty").describe("Another table of the tenant");
export const scalar = z.union([z.string(), z.number(), z.boolean()]);

const DECIMAL = /^-?\d+(\.\d+)?$/;
const VARIABLE = /\{/;

/** A number, or a text with a variable that comes to one. */
export const amount = z.union([
  z.number(),
  z.string().refine((text) => DECIMAL.test(text) || VARIABLE.test(text), "must be a number"),
]);

/** A whole number of rows, or a variable. */
export const count = z.union([
  z.int().min(0, "must not be negative"),
  z.string().refine((text) => /^\d+$/.test(text) || VARIABLE.test(text), "must be a whole number"),
]);

const TOLERANCE = /^\d+(\.\d+)?%?$/;

/** How far apart two amounts may be: a number, or a share as "0.5%". */
export const tolerance = z
  .union([
    z.number().min(0, "must not be negative"),
    z
      .string()
      .refine(
        (text) => TOLERANCE.test(text) || VARIABLE.test(text),
        'must be a number, or a share as "0.5%"',
      ),
  ])
  .describe('How far apart both may be: a number, or a share of what is expected as "0.5%"');

/** @throws CheckFault for a variable that came to no number */
export function asAmount(value: string | number, what: string): string {
  const text = String(value);
  if (DECIMAL.test(text) || /^-?\d+(\.\d+)?e[+-]?\d+$/.test(text)) return text;
  throw new CheckFault(`${what} is ${JSON.stringify(text)}, which is no number`);
}

/** @throws CheckFault for a variable that came to no tolerance */
export function asTolerance(value: string | number): { amount: string; isShare: boolean } {
  const text = String(value);
  if (!TOLERANCE.test(text) && !/e-/.test(text)) {
    throw new CheckFault(`tolerance is ${JSON.stringify(text)}: give a number, or a share as "0.5%"`);
  }
  return { amount: text.replace("%", ""), isShare: text.endsWith("%") };
}
