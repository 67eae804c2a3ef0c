import type { Part, Position } from "./geometry.ts";

/** The service's sphere, metres. */
export const EARTH_RADIUS = 6_371_010;

export type Vector = readonly [number, number, number];

const RADIANS = Math.PI / 180;

/** A position on the unit sphere, reckoned as S2 does. */
export function vectorOf([lng, lat]: Position): Vector {
  const [phi, theta] = [lat * RADIANS, lng * RADIANS];
  return [Math.cos(theta) * Math.cos(phi), Math.sin(theta) * Math.cos(phi), Math.sin(phi)];
}

/** Back to degrees. */
export function positionOf([x, y, z]: Vector): Position {
  return [Math.atan2(y, x) / RADIANS, Math.atan2(z, Math.sqrt(x * x + y * y)) / RADIANS];
}

export const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const plus = (a: Vector, b: Vector): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const times = (a: Vector, n: number): Vector => [a[0] * n, a[1] * n, a[2] * n];
export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const norm = (a: Vector): number => Math.sqrt(dot(a, a));
export const unit = (a: Vector): Vector => times(a, 1 / norm(a));

/** The angle between two points by way of their chord, radians. */
export function chordAngle(a: Vector, b: Vector): number {
  const chord = minus(a, b);
  return 2 * Math.asin(0.5 * Math.sqrt(Math.min(4, dot(chord, chord))));
}

export function angle(a: Vector, b: Vector): number {
  return Math.atan2(norm(cross(a, b)), dot(a, b));
}

/** Above 0 where a, b, c turn to the left; by way of differences, which keep their digits when the points are near. */
export function turn(a: Vector, b: Vector, c: Vector): number {
  return dot(a, cross(minus(b, a), minus(c, a)));
}

/** Whether the inner parts of two edges cross. The ends must not lie on the other edge. */
export function crosses(a: Vector, b: Vector, c: Vector, d: Vector): boolean {
  const left = turn(a, c, b) > 0;
  return turn(c, b, d) > 0 === left && turn(b, d, a) > 0 === left && turn(d, a, c) > 0 === left;
}

/** The angle from a point to an edge, radians. */
export function edgeAngle(x: Vector, a: Vector, b: Vector): number {
  const ends = Math.min(chordAngle(x, a), chordAngle(x, b));
  const normal = cross(plus(a, b), minus(b, a));
  const length = norm(normal);
  if (length === 0) return ends;
  const beside = dot(cross(normal, a), x) > 0 && dot(cross(b, normal), x) > 0;
  return beside ? Math.min(ends, Math.abs(Math.asin(dot(x, normal) / length))) : ends;
}

/** The signed area within a closed ring, steradians: above 0 where it turns to the left. */
export function ringArea(ring: Position[]): number {
  const [first, ...others] = ring.slice(0, -1).map(vectorOf);
  let area = 0;
  for (const [i, b] of others.entries()) {
    const c = others[i + 1];
    if (first && c) area += 2 * Math.atan2(turn(first, b, c), 1 + dot(first, b) + dot(b, c) + dot(c, first));
  }
  return area;
}

/** Whether a point lies within a ring that turns to the left and is smaller than a hemisphere. Not for points on it. */
function inRing(x: Vector, ring: Position[]): boolean {
  let turned = 0;
  const around = ring.map((p) => {
    const v = vectorOf(p);
    return minus(v, times(x, dot(v, x)));
  });
  for (const [i, b] of around.entries()) {
    const a = around[i - 1];
    if (a) turned += Math.atan2(dot(x, cross(a, b)), dot(a, b));
  }
  return turned > Math.PI;
}

/** Whether a point lies within a polygon: in its shell, in none of its holes. */
export function inPolygon(x: Vector, { rings }: Part): boolean {
  const [shell, ...holes] = rings;
  return shell !== undefined && inRing(x, shell) && !holes.some((hole) => inRing(x, hole));
}
