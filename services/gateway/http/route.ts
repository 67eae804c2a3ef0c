import type { z } from "zod";
import type { AdminCaller, LocalCaller, Scope, TenantCaller } from "../access.ts";
import type { Feed } from "../events/feed.ts";
import type { Gateway } from "../gateway.ts";
import type { RequestHead } from "../operations/context.ts";

/** An HTTP answer. `sent` is called once it is on its way to the client, and not if the client went away before. */
export interface Reply {
  status: number;
  /** Sent as JSON; undefined for an answer without a body. */
  body?: object;
  /** Sent as they come, in place of a body. */
  events?: Feed;
  sent?: () => void;
}

/** Who may use a route, and so what its handler learns of the caller. */
export interface Callers {
  open: null;
  tenant: TenantCaller;
  admin: AdminCaller;
  "admin or tenant": AdminCaller | TenantCaller;
  "admin or local": AdminCaller | LocalCaller;
}

export type Who = keyof Callers;

/** What a schema makes of what it checks; undefined where there is none. */
export type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

/** What a handler gets: all of it checked. */
export interface Input<W extends Who, P, Q, B> {
  gateway: Gateway;
  caller: Callers[W];
  params: Parsed<P>;
  query: Parsed<Q>;
  body: Parsed<B>;
  head: RequestHead;
}

interface RouteDocs {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** What a tenant's key must be allowed; null where no tenant's key is asked for. */
  scope: Scope | null;
  /** OpenAPI's form: `/a/{b}`. */
  path: string;
  /** What the operation is called in generated clients. */
  operationId: string;
  summary: string;
  description: string;
  tag: "customers" | "pipelines" | "operations";
  /** The answer when all goes well. */
  success: { status: number; description: string; schema: z.ZodType | null };
  /** Problem statuses beside those that every route may answer. */
  problems: readonly number[];
  /** True where an Idempotency-Key header is heeded. */
  idempotent?: boolean;
  /** True where the answer is a stream of server-sent events, and a Last-Event-ID header is heeded. */
  eventStream?: boolean;
}

/** A route as its file declares it: one declaration checks requests, answers them and documents them. */
export interface RouteSpec<
  W extends Who,
  P extends z.ZodObject | undefined,
  Q extends z.ZodObject | undefined,
  B extends z.ZodType | undefined,
> extends RouteDocs {
  who: W;
  params?: P;
  query?: Q;
  body?: B;
  handle(input: Input<W, P, Q, B>): Promise<Reply>;
}

/** What an HTTP request holds, unchecked. `body` undefined: none was asked for. */
export interface Received {
  params: unknown;
  query: unknown;
  body: unknown;
  head: RequestHead;
}

/** Learns who asks, or throws the ApiProblem that refuses. */
export interface Guard {
  (who: "open"): null;
  (who: "tenant"): TenantCaller;
  (who: "admin"): AdminCaller;
  (who: "admin or tenant"): AdminCaller | TenantCaller;
  (who: "admin or local"): AdminCaller | LocalCaller;
  <W extends Who>(who: W): Callers[W];
}

/** A route, whatever it takes. */
export interface Route extends RouteDocs {
  who: Who;
  params: z.ZodObject | undefined;
  query: z.ZodObject | undefined;
  body: z.ZodType | undefined;
  /** Asks who it is before anything of the request is read; `receive` then reads and the rest follows. */
  answer(gateway: Gateway, guard: Guard, receive: () => Promise<Received>): Promise<Reply>;
}
