import { request } from "node:http";
import type { TestContext } from "node:test";
import type { Bus, BusRecord, View } from "@convergence/bus";
import { openEmbeddedBus } from "@convergence/bus";
import {
  decodeAs,
  encode,
  type KeyState,
  type MessageOf,
  RUN_COMMANDS_TYPES,
  type SubmitRun,
  TENANT_COMMANDS_TYPES,
  type TenantCommandsMessage,
  topicSpecs,
} from "@convergence/contracts";
import { hashApiKey, hpkeSealing, newApiKey } from "@convergence/keys";
import { type Clock, systemClock } from "@convergence/runtime/clock.ts";
import { metrics } from "@convergence/runtime/metrics.ts";
import { systemRandom } from "@convergence/runtime/random.ts";
import { NEW_TENANT } from "@convergence/tenant";
import {
  type Gateway,
  type GatewayDeps,
  gatewayMetrics,
  type HttpServer,
  httpApp,
  openGateway,
  serve,
} from "../index.ts";
import type { RateLimitOptions } from "../rate-limits/limits.ts";
import { LogWriter } from "./log-writer.ts";

export const ADMIN_KEY = "the-admin-key-of-the-tests";
export const quiet = { debug() {}, info() {}, warn() {}, error() {} };

export interface WorldOptions {
  database?: GatewayDeps["database"];
  bus?: Bus;
  clock?: Clock;
  adminKey?: string | null;
  openOnboarding?: boolean;
  catalogue?: GatewayDeps["catalogue"];
  estimate?: GatewayDeps["estimate"];
  instance?: string;
  log?: GatewayDeps["log"];
  /** Absent: none. */
  rateLimits?: RateLimitOptions;
  /** False: do not wait until the gateway is ready. */
  untilReady?: boolean;
}

/** An answer as a test looks at it. */
export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
  text: string;
}

/** A gateway over HTTP on an embedded bus, with hands on what the other services would do. */
export interface World {
  bus: Bus;
  gateway: Gateway;
  events: LogWriter;
  server: HttpServer;
  /** The text of GET /metrics. */
  metricsText(): Promise<string>;
  ask(path: string, init?: RequestInit): Promise<Answer>;
  /** Puts a tenant's key in force. */
  addKey(
    tenantName: string,
    more?: Partial<{ keyId: string; scopes: string[]; expiresAt: number }>,
  ): Promise<string>;
  addTenant(tenantName: string, keys?: KeyState[]): Promise<void>;
  revoke(tenantId: string, keyId: string): Promise<void>;
  /** Plays pipeline-service: told of each SubmitRun. */
  onSubmit(answer: (command: SubmitRun) => Promise<void> | void): Promise<void>;
  /** Plays tenant-service: told of each tenant command. */
  onTenantCommand(answer: (command: TenantCommandsMessage) => Promise<void> | void): Promise<void>;
  /** Answers a tenant command; `apiKey` goes sealed. */
  reply(
    command: Exclude<TenantCommandsMessage, { type: "ConfirmKeyDelivered" }>,
    answer: Partial<MessageOf<"TenantReply">>,
    apiKey?: string,
  ): Promise<void>;
  /** Before the end of the test, to open it anew. */
  close(): Promise<void>;
}

export function memoryBus(clock: Clock = systemClock): Bus {
  return openEmbeddedBus({ file: ":memory:", topics: topicSpecs(4), clock, random: systemRandom });
}

const noLimits = { tenantPerSecond: 0, keyPerSecond: 0, burstSeconds: 1, failuresPerMinute: 0 };

export const noTemplates: GatewayDeps["catalogue"] = {
  list: () => [],
  find: () => undefined,
  faultsOf: () => [],
};

/** Opens a world that closes with the test. */
export async function openWorld(t: TestContext, options: WorldOptions = {}): Promise<World> {
  const clock = options.clock ?? systemClock;
  const bus = options.bus ?? memoryBus(clock);
  const registry = metrics();
  const views: View[] = [];
  const gateway = await openGateway({
    bus,
    clock,
    random: systemRandom,
    sealing: hpkeSealing,
    database: options.database ?? ":memory:",
    instance: options.instance ?? "gateway-1",
    catalogue: options.catalogue ?? noTemplates,
    project: "gac-prod-471220",
    estimate: options.estimate ?? null,
    platformDataset: "convergence_platform",
    log: options.log ?? quiet,
    metrics: gatewayMetrics(registry),
  });
  if (options.untilReady !== false) await gateway.ready;
  const app = httpApp(gateway, {
    adminKey: options.adminKey === undefined ? ADMIN_KEY : options.adminKey,
    openOnboarding: options.openOnboarding ?? true,
    clock,
    random: systemRandom,
    log: quiet,
    metrics: gatewayMetrics(registry),
    rateLimits: options.rateLimits ?? noLimits,
    exposition: registry,
    version: "0.0.0-test",
  });
  const server = await serve(app, "127.0.0.1", 0, () => gateway.endStreams());
  const follow = async (topic: string, fold: (record: BusRecord) => void) => {
    views.push(await bus.view({ topics: [topic], from: "end" }, fold));
  };
  let closing: Promise<void> | undefined;
  const close = async () => {
    await server.close(0);
    for (const view of views) await view.stop();
    await gateway.stop();
    if (options.bus === undefined) await bus.close();
  };
  t.after(() => (closing ??= close()));
  return {
    bus,
    gateway,
    events: new LogWriter(bus),
    server,
    metricsText: () => registry.text(),
    ask: (path, init) => ask(`http://127.0.0.1:${server.port}${path}`, init),
    addKey: (tenantName, more) => addKey(bus, tenantName, more),
    addTenant: (tenantName, keys) => addTenant(bus, tenantName, keys),
    async revoke(tenantId, keyId) {
      const value = encode({ type: "ApiKeyRevoked", key_id: keyId, tenant_id: tenantId, revoked_at: 5 });
      await bus.append([{ topic: "api-keys", key: `${keyId}/revoked`, value }]);
    },
    onSubmit: (answer) =>
      follow("run.commands", (record) => {
        const command = decodeAs(record.value, RUN_COMMANDS_TYPES);
        if (command.type === "SubmitRun") void answer(command);
      }),
    onTenantCommand: (answer) =>
      follow("tenant.commands", (record) => void answer(decodeAs(record.value, TENANT_COMMANDS_TYPES))),
    async reply(command, answer, apiKey) {
      const { gateway: to, public_key } = command.reply_to;
      const keyId = answer.key_id ?? null;
      const sealed =
        apiKey === undefined
          ? null
          : Buffer.from(await hpkeSealing.seal(new TextEncoder().encode(apiKey), public_key, keyId ?? ""));
      const value = encode({
        type: "TenantReply",
        command_id: command.meta.command_id,
        gateway: to,
        status: 200,
        reason: null,
        detail: null,
        body: null,
        key_id: keyId,
        ...answer,
        sealed_key: sealed,
      });
      await bus.append([{ topic: "tenant.replies", key: to, value }]);
    },
    close: () => (closing ??= close()),
  };
}

async function ask(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : {}, text };
}

async function addKey(
  bus: Bus,
  tenantName: string,
  {
    keyId = systemRandom.uuid(),
    scopes = ["run", "read", "admin"],
    expiresAt,
  }: Parameters<World["addKey"]>[1] = {},
): Promise<string> {
  const apiKey = newApiKey(tenantName, systemRandom);
  const value = encode({
    type: "ApiKeyRecord",
    key_id: keyId,
    tenant_id: tenantName.toLowerCase(),
    tenant_name: tenantName,
    hash: Buffer.from(hashApiKey(apiKey)),
    scopes,
    created_at: 1,
    expires_at: expiresAt ?? null,
  });
  await bus.append([{ topic: "api-keys", key: keyId, value }]);
  return apiKey;
}

async function addTenant(bus: Bus, tenantName: string, keys: KeyState[] = []): Promise<void> {
  const value = encode({
    type: "TenantSnapshot",
    ...NEW_TENANT,
    tenant_id: tenantName.toLowerCase(),
    tenant_name: tenantName,
    version: 1,
    inputs: [],
    recent_commands: [],
    lifecycle: "ACTIVE",
    tier: "STARTER",
    created_at: 1,
    updated_at: 2,
    keys,
  });
  await bus.append([{ topic: "tenants", key: tenantName.toLowerCase(), value }]);
}

/** Waits until a condition holds; fails after 5 s. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export function json(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  };
}

export function withKey(apiKey: string): RequestInit {
  return { headers: { "X-API-Key": apiKey } };
}

/** The machine's clock, whose timers go off so many times sooner. */
export function hurriedClock(times: number): Clock {
  return { now: () => systemClock.now(), after: (ms, run) => systemClock.after(ms / times, run) };
}

/** The status of a request whose path and headers are sent as they are: fetch would mend them. */
export function rawStatus(
  world: World,
  {
    body = "{}",
    ...options
  }: { method: string; path: string; headers: Record<string, string>; body?: string },
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = request({ ...options, port: world.server.port }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on("error", reject);
    call.end(body);
  });
}
