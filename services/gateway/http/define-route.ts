import type { z } from "zod";
import { requireScope, requireTenant } from "../access.ts";
import { isJsonObject } from "../json.ts";
import { invalid } from "../problem.ts";
import type { Parsed, Route, RouteSpec, Who } from "./route.ts";

/** Makes a route of its declaration: who asks first, then params, query and body, all faults of each at once. */
export function defineRoute<
  W extends Who,
  P extends z.ZodObject | undefined = undefined,
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(spec: RouteSpec<W, P, Q, B>): Route {
  return {
    ...spec,
    params: spec.params,
    query: spec.query,
    body: spec.body,
    async answer(gateway, guard, receive) {
      const caller = guard(spec.who);
      if (caller?.kind === "tenant") requireScope(caller, spec.scope);
      const { params, query, body, head } = await receive();
      // Before the rest is read: nobody learns more of another tenant's path.
      if (caller?.kind === "tenant" && isJsonObject(params) && typeof params.tenant_id === "string")
        requireTenant(caller, params.tenant_id);
      return spec.handle({
        gateway,
        caller,
        params: parse(spec.params, params),
        query: parse(spec.query, query),
        body: parse(spec.body, body),
        head,
      });
    },
  };
}

function parse<S>(schema: S | undefined, value: unknown): Parsed<S>;
function parse(schema: z.ZodType | undefined, value: unknown): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(
    result.error.issues.map(({ path, message }) => ({ field: path.map(String).join("."), message })),
  );
}
