import type { Granted } from "../replies.ts";
import { type Context, OWN_VIEW_MS } from "./context.ts";

/** An answer that shows a key. `delivered` is to be called once it is on its way to the client. */
export interface KeyAnswer<T> {
  body: T;
  delivered(): void;
}

/** Shows the key that tenant-service granted, once this gateway lets it in. `body`: what is shown with it. */
export async function keyAnswer<T>(
  context: Context,
  tenantId: string,
  { apiKey }: Granted,
  body: (apiKey: NonNullable<Granted["apiKey"]>) => T,
): Promise<KeyAnswer<T>> {
  if (apiKey === null) throw new Error("tenant-service answered without a key");
  await context.keys.waitForKey(apiKey.id, OWN_VIEW_MS);
  return {
    body: body(apiKey),
    delivered: () => context.delivery.note(tenantId.toLowerCase(), apiKey.id),
  };
}
