import type { Trace } from "@convergence/contracts";
import type { Delivery } from "../delivery.ts";
import type { GatewayDeps } from "../deps.ts";
import type { RunStreams } from "../events/streams.ts";
import type { Replies } from "../replies.ts";
import type { AuditView } from "../views/audit/view.ts";
import type { KeysView } from "../views/keys.ts";
import type { RunsView } from "../views/runs/view.ts";
import type { SealingKeysView } from "../views/sealing-keys.ts";
import type { TenantsView } from "../views/tenants.ts";
import type { Estimates } from "./estimates.ts";

/** What the operations work with. */
export interface Context {
  deps: GatewayDeps;
  keys: KeysView;
  tenants: TenantsView;
  runs: RunsView;
  audit: AuditView;
  sealingKeys: SealingKeysView;
  replies: Replies;
  delivery: Delivery;
  streams: RunStreams;
  estimates: Estimates;
}

/** What a request says beside its body. */
export interface RequestHead {
  /** The Idempotency-Key header; null for none. */
  idempotencyKey: string | null;
  /** X-Request-Id; null for none. */
  requestId: string | null;
  /** The Last-Event-ID header; absent or null for none. */
  lastEventId?: string | null;
  /** What it belongs to; null for none. */
  trace: Trace | null;
}

/** How long a gateway waits for its own view to show what was just decided, in milliseconds. */
export const OWN_VIEW_MS = 2_000;
