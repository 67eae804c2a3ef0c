import {
  checkSpelling,
  type Geography,
  GeographyError,
  GeographyUnsupported,
  type Position,
  pointIn,
  samePosition,
} from "./geometry.ts";
import { angle, EARTH_RADIUS, ringArea, vectorOf } from "./sphere.ts";

function lineLength(line: Position[]): number {
  const vectors = line.map(vectorOf);
  return vectors.reduce((sum, b, i) => {
    const a = vectors[i - 1];
    return a ? sum + angle(a, b) : sum;
  }, 0);
}

/** Metres: of the lines in a geography, or of its polygons' borders. */
export function lengthOf({ parts }: Geography, kind: "LineString" | "Polygon"): number {
  const rings = parts.filter((part) => part.kind === kind).flatMap((part) => part.rings);
  return rings.reduce((sum, ring) => sum + lineLength(ring), 0) * EARTH_RADIUS;
}

/** Square metres: of the polygons. */
export function areaOf({ parts }: Geography): number {
  const shells = parts.flatMap((part) => (part.kind === "Polygon" ? [part.rings[0] ?? []] : []));
  return shells.reduce((sum, ring) => sum + ringArea(ring), 0) * EARTH_RADIUS ** 2;
}

/** 0 for points, 1 for lines, 2 for polygons, the greatest of them all; -1 where it is empty. */
export function dimensionOf({ parts }: Geography): number {
  return Math.max(-1, ...parts.map((part) => ["Point", "LineString", "Polygon"].indexOf(part.kind)));
}

/** Whether every part has an empty border: points, and lines that end where they began. */
export function isClosed({ parts }: Geography): boolean {
  const closed = parts.every(
    ({ kind, rings: [line = []] }) =>
      kind === "Point" || (kind === "LineString" && samePosition(line[0], line.at(-1))),
  );
  return parts.length > 0 && closed;
}

const RADIANS = Math.PI / 180;

/** The direction from one point to another, radians from north by the east; undefined where they are the same. */
export function azimuth(from: Geography, to: Geography): number | undefined {
  const [a, b] = [pointIn(from, "ST_AZIMUTH"), pointIn(to, "ST_AZIMUTH")];
  if (!a || !b) throw new GeographyError("ST_AZIMUTH takes two points");
  if (samePosition(a, b)) return undefined;
  const [turn, phi, psi] = [(b[0] - a[0]) * RADIANS, a[1] * RADIANS, b[1] * RADIANS];
  const east = Math.sin(turn) * Math.cos(psi);
  const north = Math.cos(phi) * Math.sin(psi) - Math.sin(phi) * Math.cos(psi) * Math.cos(turn);
  const direction = Math.atan2(east, north);
  return direction < 0 ? direction + 2 * Math.PI : direction;
}

/** Whether points lie in a box of longitudes and latitudes, its edges included; it may cross the antimeridian. */
export function inBox(geography: Geography, box: number[]): boolean {
  const [west = 0, south = 0, east = 0, north = 0] = box;
  if (south > north)
    throw new GeographyError("ST_INTERSECTSBOX: the first latitude must not be above the second");
  if ([west, east].some((lng) => Math.abs(lng) > 180))
    throw new GeographyUnsupported("a box beyond the antimeridian");
  if (dimensionOf(geography) > 0) throw new GeographyUnsupported("ST_INTERSECTSBOX of lines and polygons");
  const points = geography.parts.flatMap((part) => part.rings.flat());
  for (const at of points) checkSpelling(at);
  return points.some(([lng, lat]) => {
    const across = west <= east ? lng >= west && lng <= east : lng >= west || lng <= east;
    return across && lat >= south && lat <= north;
  });
}

/** A point with both coordinates at the nearest multiple of the grid's size. */
export function snap(geography: Geography, size: number): Position {
  if (!(size > 0)) throw new GeographyError("ST_SNAPTOGRID needs a positive grid size");
  const at = pointIn(geography, "ST_SNAPTOGRID here");
  if (at) checkSpelling(at);
  if (!at) throw new GeographyUnsupported("ST_SNAPTOGRID of an empty GEOGRAPHY");
  return [snapped(at[0], size), snapped(at[1], size)];
}

/** The multiple to 15 digits; halfway between two, rounding decides: not ours. */
function snapped(value: number, size: number): number {
  const steps = value / size;
  if (Math.abs(Math.abs(steps % 1) - 0.5) < 1e-9)
    throw new GeographyUnsupported("ST_SNAPTOGRID halfway between two");
  return Number((Math.round(steps) * size).toPrecision(15));
}
