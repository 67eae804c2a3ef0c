import type { Outage } from "../checker/evidence.ts";
import type { Exchange } from "../history.ts";
import type { Supervised } from "../system/supervised.ts";
import { pause } from "../until.ts";
import type { Clients } from "./clients.ts";
import type { Tenant } from "./tenant.ts";

/** Between two probes of a gateway, milliseconds. */
const PAUSE_MS = 500;

/**
 * For `ms` milliseconds while the broker is away, asks every gateway for a run and for what it knows. Only what is answered
 * by then is told; the run is insisted on like any other.
 */
export async function probe(clients: Clients, gateways: readonly Supervised[], ms: number): Promise<Outage> {
  const until = Date.now() + ms;
  const outage: Outage = { writes: [], reads: [] };
  const calm = clients.tenants.filter(({ recreated }) => !recreated);
  await Promise.all(
    gateways.map(async (gateway, index) => {
      const tenant = calm[index % calm.length];
      while (tenant !== undefined && Date.now() < until) {
        await probeOnce(clients, tenant, gateway, { until, outage });
        await pause(PAUSE_MS);
      }
    }),
  );
  return outage;
}

async function probeOnce(
  clients: Clients,
  tenant: Tenant,
  gateway: Supervised,
  { until, outage }: { until: number; outage: Outage },
): Promise<void> {
  const reads: Exchange[] = [];
  const [known] = tenant.runs;
  await clients.read(tenant.main(), "/api/v1/pipelines/runs", gateway, reads);
  if (known !== undefined)
    await clients.read(tenant.main(), `/api/v1/pipelines/runs/${known.id}`, gateway, reads);
  const { promise: first, resolve: noted } = Promise.withResolvers<Exchange>();
  clients.start(clients.submit(tenant, "noop", { first: gateway, noted }).then(() => undefined));
  const write = await Promise.race([first, pause(Math.max(0, until - Date.now()))]);
  const inTime = ({ at, ms }: Exchange) => at + ms < until;
  outage.reads.push(...reads.filter(inTime));
  if (write !== undefined && inTime(write)) outage.writes.push(write);
}
