import { type Geography, GeographyUnsupported, samePosition, verticesOf } from "./geometry.ts";
import { NEAR } from "./polygon.ts";
import { chordAngle, crosses, EARTH_RADIUS, edgeAngle, inPolygon, type Vector, vectorOf } from "./sphere.ts";

type Edge = [Vector, Vector];

/** A geography taken apart. */
interface Shape {
  geography: Geography;
  vertices: Vector[];
  edges: Edge[];
}

function shapeOf(geography: Geography): Shape {
  const edges = geography.parts.flatMap((part) =>
    part.rings.flatMap((ring) => {
      const vectors = ring.map(vectorOf);
      return vectors.slice(1).map((b, i): Edge => [vectors[i] ?? b, b]);
    }),
  );
  return { geography, vertices: verticesOf(geography).map(vectorOf), edges };
}

const polygons = ({ parts }: Geography): Geography["parts"] =>
  parts.filter((part) => part.kind === "Polygon");

/** How many of the vertices lie within the other's polygons. */
function inside(of: Shape, other: Geography): number {
  const within = polygons(other);
  return of.vertices.filter((v) => within.some((part) => inPolygon(v, part))).length;
}

/** The smallest angle between the lines and points of both, that of crossing edges aside. */
function gap(a: Shape, b: Shape): number {
  const toEdges = (from: Shape, to: Shape): number =>
    Math.min(
      ...from.vertices.flatMap((v) => to.edges.map(([p, q]) => edgeAngle(v, p, q))),
      Number.POSITIVE_INFINITY,
    );
  const between = Math.min(...a.vertices.flatMap((v) => b.vertices.map((w) => chordAngle(v, w))));
  return Math.min(between, toEdges(a, b), toEdges(b, a));
}

interface Relation {
  crossing: boolean;
  /** Set where they have a vertex in common. */
  shared: boolean;
  /** Radians. */
  gap: number;
  /** Vertices of each within the other, and of how many. */
  aInB: number;
  bInA: number;
  aVertices: number;
  bVertices: number;
}

function relate(left: Geography, right: Geography): Relation {
  const [a, b] = [shapeOf(left), shapeOf(right)];
  if (a.vertices.length === 0 || b.vertices.length === 0)
    throw new GeographyUnsupported("a relation with an empty GEOGRAPHY");
  const shared = verticesOf(left).some((v) => verticesOf(right).some((w) => samePosition(v, w)));
  return {
    crossing: a.edges.some(([p, q]) => b.edges.some(([r, s]) => crosses(p, q, r, s))),
    shared,
    gap: gap(a, b),
    aInB: inside(a, right),
    bInA: inside(b, left),
    aVertices: a.vertices.length,
    bVertices: b.vertices.length,
  };
}

/** Where two things touch or nearly do, and no vertex is common to both, rounding decides: not ours. */
function refuseNear(): never {
  throw new GeographyUnsupported(
    "a relation of GEOGRAPHY values that touch, or are within millimetres of it",
  );
}

export function intersects(a: Geography, b: Geography): boolean {
  const found = relate(a, b);
  if (found.shared) return true;
  if (found.gap < NEAR) return refuseNear();
  return found.crossing || found.aInB > 0 || found.bInA > 0;
}

const isPoints = ({ parts }: Geography): boolean => parts.every((part) => part.kind === "Point");

/** ST_CONTAINS and ST_COVERS, which differ only where B touches A's border: that is refused. */
export function contains(a: Geography, b: Geography): boolean {
  if (isPoints(a) && isPoints(b))
    return verticesOf(b).every((w) => verticesOf(a).some((v) => samePosition(v, w))) || pointsApart(a, b);
  const found = relate(a, b);
  if (found.gap < NEAR) return refuseNear();
  return !found.crossing && found.bInA === found.bVertices;
}

/** False where points are told apart; those that are nearly the same are refused. */
function pointsApart(a: Geography, b: Geography): boolean {
  const [left, right] = [shapeOf(a), shapeOf(b)];
  const near = left.vertices.some((v) =>
    right.vertices.some((w) => chordAngle(v, w) > 0 && chordAngle(v, w) < NEAR),
  );
  return near ? refuseNear() : false;
}

/** ST_TOUCHES: whether they meet, but not within one of them. Only answered where that is plain. */
export function touches(a: Geography, b: Geography): boolean {
  const found = relate(a, b);
  if (isPoints(a) && isPoints(b) && (found.shared || found.gap >= NEAR)) return false;
  if (found.gap < NEAR) return refuseNear();
  return false;
}

export function equals(a: Geography, b: Geography): boolean {
  if (JSON.stringify(a) === JSON.stringify(b)) return true;
  if (isPoints(a) && isPoints(b)) return contains(a, b) && contains(b, a);
  const found = relate(a, b);
  if (found.shared || found.gap < NEAR) return refuseNear();
  return false;
}

/** Metres; undefined where one is empty. */
export function distance(a: Geography, b: Geography): number | undefined {
  if (a.parts.length === 0 || b.parts.length === 0) return undefined;
  const found = relate(a, b);
  if (found.shared || found.crossing || found.aInB > 0 || found.bInA > 0) return 0;
  return found.gap * EARTH_RADIUS;
}

/** The greatest distance between points of both, metres: that of two vertices while nothing is a quarter turn apart. */
export function maxDistance(a: Geography, b: Geography): number | undefined {
  if (a.parts.length === 0 || b.parts.length === 0) return undefined;
  const [left, right] = [shapeOf(a), shapeOf(b)];
  const most = Math.max(...left.vertices.flatMap((v) => right.vertices.map((w) => chordAngle(v, w))));
  const simple = left.edges.length === 0 && right.edges.length === 0;
  if (!simple && most > 1.5) throw new GeographyUnsupported("ST_MAXDISTANCE of lines a quarter turn apart");
  return most * EARTH_RADIUS;
}
