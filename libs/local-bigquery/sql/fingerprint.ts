/**
 * FARM_FINGERPRINT: the 64-bit fingerprint of the open-source FarmHash library (farmhashna::Hash64), as a signed INT64.
 * All arithmetic is modulo 2^64.
 */
export function farmFingerprint(bytes: Buffer): bigint {
  return BigInt.asIntN(64, hash(bytes));
}

const K0 = 0xc3a5c85c97cb3127n;
const K1 = 0xb492b66fbe98f273n;
const K2 = 0x9ae16a3b2f90404fn;

const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const rotate = (x: bigint, by: bigint): bigint => u64((x >> by) | (x << (64n - by)));
const mix = (x: bigint): bigint => x ^ (x >> 47n);

function hash(s: Buffer): bigint {
  if (s.length <= 16) return hash16(s);
  if (s.length <= 32) return hash32(s);
  return s.length <= 64 ? hash64(s) : hashLong(s);
}

function pair(u: bigint, v: bigint, mul: bigint): bigint {
  const a = mix(u64((u ^ v) * mul));
  return u64(mix(u64((v ^ a) * mul)) * mul);
}

function hash16(s: Buffer): bigint {
  const n = s.length;
  const mul = K2 + BigInt(n) * 2n;
  if (n >= 8) {
    const a = u64(s.readBigUInt64LE(0) + K2);
    const b = s.readBigUInt64LE(n - 8);
    const c = u64(rotate(b, 37n) * mul + a);
    const d = u64((rotate(a, 25n) + b) * mul);
    return pair(c, d, mul);
  }
  if (n >= 4) {
    const first = BigInt(s.readUInt32LE(0));
    return pair(BigInt(n) + (first << 3n), BigInt(s.readUInt32LE(n - 4)), mul);
  }
  if (n === 0) return K2;
  const y = BigInt((s[0] ?? 0) + ((s[n >> 1] ?? 0) << 8));
  const z = BigInt(n + ((s[n - 1] ?? 0) << 2));
  return u64(mix(u64(y * K2) ^ u64(z * K0)) * K2);
}

function hash32(s: Buffer): bigint {
  const n = s.length;
  const mul = K2 + BigInt(n) * 2n;
  const a = u64(s.readBigUInt64LE(0) * K1);
  const b = s.readBigUInt64LE(8);
  const c = u64(s.readBigUInt64LE(n - 8) * mul);
  const d = u64(s.readBigUInt64LE(n - 16) * K2);
  return pair(u64(rotate(u64(a + b), 43n) + rotate(c, 30n) + d), u64(a + rotate(u64(b + K2), 18n) + c), mul);
}

function hash64(s: Buffer): bigint {
  const n = s.length;
  const mul = K2 + BigInt(n) * 2n;
  const a = u64(s.readBigUInt64LE(0) * K2);
  const b = s.readBigUInt64LE(8);
  const c = u64(s.readBigUInt64LE(n - 8) * mul);
  const d = u64(s.readBigUInt64LE(n - 16) * K2);
  const y = u64(rotate(u64(a + b), 43n) + rotate(c, 30n) + d);
  const z = pair(y, u64(a + rotate(u64(b + K2), 18n) + c), mul);
  const e = u64(s.readBigUInt64LE(16) * mul);
  const f = s.readBigUInt64LE(24);
  const g = u64((y + s.readBigUInt64LE(n - 32)) * mul);
  const h = u64((z + s.readBigUInt64LE(n - 24)) * mul);
  return pair(u64(rotate(u64(e + f), 43n) + rotate(g, 30n) + h), u64(e + rotate(u64(f + a), 18n) + g), mul);
}

/** Two 64-bit states out of 32 bytes and two seeds. */
function weak(s: Buffer, at: number, seedA: bigint, seedB: bigint): [bigint, bigint] {
  const z = s.readBigUInt64LE(at + 24);
  const a = u64(seedA + s.readBigUInt64LE(at));
  const b = rotate(u64(seedB + a + z), 21n);
  const sum = u64(a + s.readBigUInt64LE(at + 8) + s.readBigUInt64LE(at + 16));
  return [u64(sum + z), u64(b + rotate(sum, 44n) + a)];
}

interface State {
  x: bigint;
  y: bigint;
  z: bigint;
  v: [bigint, bigint];
  w: [bigint, bigint];
}

function hashLong(s: Buffer): bigint {
  const start = 81n;
  const y = u64(start * K1 + 113n);
  const state: State = {
    x: u64(start * K2 + s.readBigUInt64LE(0)),
    y,
    z: u64(mix(u64(y * K2 + 113n)) * K2),
    v: [0n, 0n],
    w: [0n, 0n],
  };
  const end = ((s.length - 1) >> 6) * 64;
  for (let at = 0; at < end; at += 64) round(state, s, at, K1, 1n);
  const mul = u64(K1 + ((state.z & 0xffn) << 1n));
  state.w[0] = u64(state.w[0] + BigInt((s.length - 1) & 63));
  state.v[0] = u64(state.v[0] + state.w[0]);
  state.w[0] = u64(state.w[0] + state.v[0]);
  round(state, s, s.length - 64, mul, 9n);
  const { v, w } = state;
  const first = u64(pair(v[0], w[0], mul) + u64(mix(state.y) * K0) + state.z);
  return pair(first, u64(pair(v[1], w[1], mul) + state.x), mul);
}

/** One step over 64 bytes; the last one weighs by 9. */
function round(state: State, s: Buffer, at: number, mul: bigint, weight: bigint): void {
  const { v, w } = state;
  let x = u64(rotate(u64(state.x + state.y + v[0] + s.readBigUInt64LE(at + 8)), 37n) * mul);
  let y = u64(rotate(u64(state.y + v[1] + s.readBigUInt64LE(at + 48)), 42n) * mul);
  x ^= u64(w[1] * weight);
  y = u64(y + v[0] * weight + s.readBigUInt64LE(at + 40));
  const z = u64(rotate(u64(state.z + w[0]), 33n) * mul);
  state.v = weak(s, at, u64(v[1] * mul), u64(x + w[0]));
  state.w = weak(s, at + 32, u64(z + w[1]), u64(y + s.readBigUInt64LE(at + 16)));
  state.x = z;
  state.y = y;
  state.z = x;
}
