import { type Geography, GeographyUnsupported, kindOf, type Part, type Position } from "./geometry.ts";
import { chordAngle, dot, plus, positionOf, times, unit, type Vector, vectorOf } from "./sphere.ts";
import { coordinates } from "./wkt.ts";

/**
 * GeoJSON's edges are straight on the map, a GEOGRAPHY's on the sphere: edges that would be 10 metres off get vertices
 * in between, as S2's edge tessellator sets them.
 */
const TOLERANCE = (10 / 6_371_010) * 0.8382999256988851;
/** Where along an edge the two lines are compared. */
const FRACTION = 0.3121569108224831;

/** ST_ASGEOJSON. */
export function writeGeoJson(geography: Geography): string {
  const kind = kindOf(geography);
  if (kind === undefined) throw new GeographyUnsupported("an empty GEOGRAPHY as GeoJSON");
  const parts = geography.parts.map(partJson);
  return `{ "type": "${kind}", "coordinates": ${parts.length === 1 ? parts[0] : list(parts)} } `;
}

const list = (items: string[]): string => `[ ${items.join(", ")} ]`;
const pair = (at: Position): string => `[${coordinates(at).join(", ")}]`;

function partJson({ kind, rings }: Part): string {
  const [first] = rings;
  if (kind === "Point" && first?.[0]) return pair(first[0]);
  const lines = rings.map((ring) => list(onMap(ring).map(pair)));
  return kind === "LineString" ? (lines[0] ?? "") : list(lines);
}

/** The vertices of a line with those that keep it near on the map. */
function onMap(line: Position[]): Position[] {
  return line.flatMap((b, i) => {
    const a = line[i - 1];
    return a ? [...between(a, vectorOf(a), b, vectorOf(b)), b] : [b];
  });
}

function between(pa: Position, a: Vector, pb: Position, b: Vector): Position[] {
  if (Math.abs(pa[0] - pb[0]) > 180)
    throw new GeographyUnsupported("an edge across the antimeridian as GeoJSON");
  if (error(pa, a, pb, b) <= TOLERANCE) return [];
  const middle = unit(plus(a, b));
  const at = positionOf(middle);
  return [...between(pa, a, at, middle), at, ...between(at, middle, pb, b)];
}

/** How far the straight edge on the map is from that on the sphere, radians. */
function error(pa: Position, a: Vector, pb: Position, b: Vector): number {
  if (dot(a, b) < -1e-14) return Number.POSITIVE_INFINITY;
  const offs = [FRACTION, 1 - FRACTION].map((t) => {
    const straight: Position = [pa[0] + (pb[0] - pa[0]) * t, pa[1] + (pb[1] - pa[1]) * t];
    return chordAngle(alongSphere(a, b, t), vectorOf(straight));
  });
  return Math.max(...offs);
}

/** The point at this fraction of the angle from a to b. */
function alongSphere(a: Vector, b: Vector, t: number): Vector {
  const whole = chordAngle(a, b);
  const [p, q] = [Math.sin((1 - t) * whole), Math.sin(t * whole)].map((s) => s / Math.sin(whole));
  return unit(plus(times(a, p ?? 0), times(b, q ?? 0)));
}
