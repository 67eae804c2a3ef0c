/** A longitude and a latitude, in degrees. */
export type Position = readonly [lng: number, lat: number];

export type Kind = "Point" | "LineString" | "Polygon" | "MultiPoint" | "MultiLineString" | "MultiPolygon";

/** One part of a geography. A polygon's rings are closed, the shell first. */
export interface Part {
  kind: "Point" | "LineString" | "Polygon";
  rings: Position[][];
}

/** A GEOGRAPHY: parts of one kind; none where it is empty. */
export interface Geography {
  parts: Part[];
}

/** Raised for text that is no geography, or one that the service refuses: its message is the query's. */
export class GeographyError extends Error {
  override readonly name = "GeographyError";
}

/** Raised for what the service answers and this endpoint cannot answer as surely. */
export class GeographyUnsupported extends Error {
  override readonly name = "GeographyUnsupported";
}

export const EMPTY: Geography = { parts: [] };

/** A checked position, one spelling for each place. */
export function position(lng: number, lat: number): Position {
  if (!Number.isFinite(lng) || !Number.isFinite(lat)) throw new GeographyError("Coordinates must be finite");
  if (Math.abs(lat) > 90) throw new GeographyError(`Latitude must be between -90 and 90 degrees: ${lat}`);
  if (Math.abs(lng) > 180) throw new GeographyUnsupported("a longitude beyond 180 degrees");
  if (Math.abs(lat) === 90) return [0, lat];
  // No negative zero.
  return [lng === -180 ? 180 : lng + 0, lat + 0];
}

/** Throws where a place has several longitudes (a pole, the antimeridian): which one the service gives is its choice. */
export function checkSpelling([lng, lat]: Position): void {
  if (Math.abs(lat) === 90 || lng === 180)
    throw new GeographyUnsupported("the longitude of a pole or of the antimeridian");
}

export function pointOf(at: Position): Geography {
  return { parts: [{ kind: "Point", rings: [[at]] }] };
}

export function lineOf(vertices: Position[]): Geography {
  if (vertices.length < 2) throw new GeographyError("A LINESTRING needs at least two vertices");
  checkSteps(vertices);
  return { parts: [{ kind: "LineString", rings: [vertices] }] };
}

export const samePosition = (a: Position | undefined, b: Position | undefined): boolean =>
  a !== undefined && b !== undefined && a[0] === b[0] && a[1] === b[1];

/** The service takes repeated vertices out; a step of half a turn has no one way. */
export function checkSteps(vertices: Position[]): void {
  for (const [i, b] of vertices.entries()) {
    const a = vertices[i - 1];
    if (!a) continue;
    if (samePosition(a, b)) throw new GeographyUnsupported("a vertex repeated in a GEOGRAPHY");
    if (Math.abs(a[0] - b[0]) >= 179 || Math.abs(a[1] - b[1]) >= 179)
      throw new GeographyUnsupported("an edge of nearly half a turn in a GEOGRAPHY");
  }
}

/** What kind it is as a whole; undefined where it is empty or of several kinds. */
export function kindOf({ parts }: Geography): Kind | undefined {
  const [first, ...more] = parts;
  if (!first || more.some((part) => part.kind !== first.kind)) return undefined;
  return more.length === 0 ? first.kind : (`Multi${first.kind}` as const);
}

/** The line of a geography that is one LINESTRING. */
export function lineIn(geography: Geography, what: string): Position[] {
  const [part, ...more] = geography.parts;
  if (part?.kind !== "LineString" || more.length > 0) throw new GeographyError(`${what} takes a LINESTRING`);
  return part.rings[0] ?? [];
}

/** The position of a geography that is one point; undefined where it is empty. */
export function pointIn(geography: Geography, what: string): Position | undefined {
  const [part, ...more] = geography.parts;
  if (!part) return undefined;
  if (part.kind !== "Point" || more.length > 0) throw new GeographyError(`${what} takes a point`);
  return part.rings[0]?.[0];
}

export function verticesOf({ parts }: Geography): Position[] {
  return parts.flatMap((part) => part.rings.flat());
}

/** The stored form: JSON. */
export function serialise(geography: Geography): string {
  return JSON.stringify(geography);
}

export function deserialise(text: string): Geography {
  const geography: Geography = JSON.parse(text);
  return geography;
}
