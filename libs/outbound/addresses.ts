/** Which IP addresses may be asked: public ones, and what the operator allows. */
import { BlockList, isIP, isIPv4 } from "node:net";

/** What is not public in IPv4: IANA's special-purpose registry, multicast, the reserved rest; and Azure's wire server. */
const NOT_PUBLIC_4: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "168.63.129.16/32",
];

/**
 * Public IPv6 is within 2000::/3, so that loopback, unique local, link-local, multicast, mapped and translated IPv4
 * (::/96, ::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48) are out; within it are these that are not, or that carry IPv4.
 */
const PUBLIC_6 = "2000::/3";
const NOT_PUBLIC_6: readonly string[] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/** Where clouds hand out credentials: no operator can allow them. */
const NEVER: readonly string[] = ["169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "168.63.129.16/32"];

const notPublic = listOf([...NOT_PUBLIC_4, ...NOT_PUBLIC_6]);
const public6 = listOf([PUBLIC_6]);
const never = listOf(NEVER);

/** Ranges that an operator opened beside the public ones. */
export interface AllowedRanges {
  has(address: string): boolean;
}

/**
 * Reads OUTBOUND_ALLOW: addresses and ranges (CIDR) with commas between; empty: none.
 * @throws TypeError for what is no range, is wider than /8 (IPv6: /32), or is of credentials' own addresses
 */
export function allowedRanges(text: string): AllowedRanges {
  const ranges = text
    .split(",")
    .map((range) => range.trim())
    .filter((range) => range !== "");
  for (const range of ranges) checkRange(range);
  const list = listOf(ranges);
  return { has: (address) => within(list, address) && !within(never, address) };
}

function checkRange(range: string): void {
  const { address, bits } = parts(range);
  const family = isIP(address);
  const whole = family === 4 ? 32 : 128;
  if (family === 0 || !Number.isInteger(bits) || bits > whole) {
    throw new TypeError(`${JSON.stringify(range)} is no address and no range such as 10.20.0.0/16`);
  }
  const least = family === 4 ? 8 : 32;
  if (bits < least) throw new TypeError(`${range} is too wide: at least /${least}`);
  if (within(never, address)) throw new TypeError(`${range} hands out a cloud's credentials: never allowed`);
}

/** Whether an IP address, as `socket.remoteAddress` or a URL spells it, may be asked. What is no address may not. */
export function mayAsk(address: string, allowed: AllowedRanges): boolean {
  if (isIP(address) === 0 || address.includes("%")) return false;
  if (allowed.has(address)) return true;
  if (within(notPublic, address)) return false;
  return isIPv4(address) || within(public6, address);
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const { address, bits } = parts(range);
    list.addSubnet(address, bits, isIPv4(address) ? "ipv4" : "ipv6");
  }
  return list;
}

function parts(range: string): { address: string; bits: number } {
  const [address = "", bits, more] = range.split("/");
  if (more !== undefined || bits === "") return { address: "", bits: Number.NaN };
  return { address, bits: bits === undefined ? (isIPv4(address) ? 32 : 128) : Number(bits) };
}

/** Node takes ::ffff:10.0.0.1 for a match of 10.0.0.0/8 too. */
function within(list: BlockList, address: string): boolean {
  return list.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}
