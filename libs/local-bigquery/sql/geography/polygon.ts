import {
  checkSteps,
  type Geography,
  GeographyError,
  GeographyUnsupported,
  type Position,
  samePosition,
} from "./geometry.ts";
import { crosses, edgeAngle, ringArea, type Vector, vectorOf } from "./sphere.ts";

/** Nearer than this (6 mm) the service's rounding decides what meets: radians. */
export const NEAR = 1e-9;

/**
 * A polygon of closed rings. As a text without orientation it is the smaller side of its ring, which must turn to the
 * left: of others the service reorders the vertices in ways that are not documented.
 */
export function polygonOf(rings: Position[][]): Geography {
  for (const ring of rings) checkRing(ring);
  if (rings.length > 1) throw new GeographyUnsupported("a polygon with holes");
  return { parts: [{ kind: "Polygon", rings }] };
}

function checkRing(ring: Position[]): void {
  if (ring.length < 4) throw new GeographyError("A polygon's ring needs at least four vertices");
  if (!samePosition(ring[0], ring.at(-1))) throw new GeographyError("A polygon's ring must be closed");
  checkSteps(ring);
  const vectors = ring.map(vectorOf);
  for (let i = 0; i + 1 < vectors.length; i++)
    for (let j = i + 2; j + 1 < vectors.length; j++) checkEdges(vectors, i, j);
  const area = ringArea(ring);
  if (Math.abs(area) > 6 || Math.abs(area) < 1e-15)
    throw new GeographyUnsupported("a polygon as large as a hemisphere, or without area");
  if (area < 0) throw new GeographyUnsupported("a polygon whose ring is clockwise");
}

/** Two edges of a ring that are no neighbours must not meet. */
function checkEdges(ring: Vector[], i: number, j: number): void {
  const [a, b, c, d] = [ring[i], ring[i + 1], ring[j], ring[j + 1]];
  if (!a || !b || !c || !d || (i === 0 && j + 2 === ring.length)) return;
  const gap = Math.min(edgeAngle(a, c, d), edgeAngle(b, c, d), edgeAngle(c, a, b), edgeAngle(d, a, b));
  if (gap < NEAR) throw new GeographyUnsupported("a polygon whose ring touches itself");
  if (crosses(a, b, c, d)) throw new GeographyError(`Edges ${i} and ${j} of the polygon cross`);
}
