import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  DuckDBBlobValue,
  type DuckDBType,
  type DuckDBValue,
  VARCHAR,
} from "@duckdb/node-api";
import { writeGeoJson } from "../sql/geography/geojson.ts";
import {
  checkSpelling,
  deserialise,
  type Geography,
  GeographyError,
  GeographyUnsupported,
  kindOf,
  lineIn,
  lineOf,
  pointIn,
  pointOf,
  position,
  serialise,
  verticesOf,
} from "../sql/geography/geometry.ts";
import * as measures from "../sql/geography/measures.ts";
import { polygonOf } from "../sql/geography/polygon.ts";
import * as relations from "../sql/geography/relations.ts";
import { readWkb } from "../sql/geography/wkb.ts";
import { readWkt, writeWkt } from "../sql/geography/wkt.ts";
import { raised, type Scalar, unsupported } from "./scalar.ts";

type Make = (...args: DuckDBValue[]) => DuckDBValue | undefined;

/** A GEOGRAPHY is text in DuckDB: JSON of its parts. */
const geography = (value: DuckDBValue | undefined): Geography => deserialise(String(value));
const number = (value: DuckDBValue | undefined): number => Number(value);

function scalar(params: DuckDBType[], result: DuckDBType, make: Make): Scalar {
  return {
    params,
    result,
    make: (...args) => {
      try {
        return make(...args);
      } catch (error) {
        if (error instanceof GeographyError) throw raised(error.message);
        throw error instanceof GeographyUnsupported ? unsupported(error.message) : error;
      }
    },
  };
}

const of = (result: DuckDBType, make: (g: Geography) => DuckDBValue | undefined): Scalar =>
  scalar([VARCHAR], result, (g) => make(geography(g)));

const ofTwo = (result: DuckDBType, make: (a: Geography, b: Geography) => DuckDBValue | undefined): Scalar =>
  scalar([VARCHAR, VARCHAR], result, (a, b) => make(geography(a), geography(b)));

/** The n-th vertex of a line, from 1, or from its end below 0. */
function vertex(line: Geography, n: number, what: string): string | undefined {
  const at = n === 0 ? undefined : lineIn(line, what).at(n > 0 ? n - 1 : n);
  return at && serialise(pointOf(at));
}

export const GEOGRAPHY_SCALARS: Record<string, Scalar> = {
  bq_geog_point: scalar([DOUBLE, DOUBLE], VARCHAR, (lng, lat) =>
    serialise(pointOf(position(number(lng), number(lat)))),
  ),
  bq_geog_from_text: scalar([VARCHAR], VARCHAR, (text) => serialise(readWkt(String(text)))),
  bq_geog_from_wkb: scalar([BLOB], VARCHAR, (bytes) =>
    serialise(readWkb(bytes instanceof DuckDBBlobValue ? bytes.bytes : new Uint8Array())),
  ),
  bq_geog_text: of(VARCHAR, writeWkt),
  bq_geog_json: of(VARCHAR, writeGeoJson),
  bq_geog_x: of(DOUBLE, (g) => {
    const at = pointIn(g, "ST_X");
    if (at) checkSpelling(at);
    return at?.[0];
  }),
  bq_geog_y: of(DOUBLE, (g) => pointIn(g, "ST_Y")?.[1]),
  bq_geog_type: of(VARCHAR, (g) => `ST_${kindOf(g) ?? "GeometryCollection"}`),
  bq_geog_dimension: of(BIGINT, (g) => BigInt(measures.dimensionOf(g))),
  bq_geog_vertices: of(BIGINT, (g) => BigInt(verticesOf(g).length)),
  bq_geog_parts: of(BIGINT, (g) => BigInt(g.parts.length)),
  bq_geog_closed: of(BOOLEAN, measures.isClosed),
  bq_geog_length: of(DOUBLE, (g) => measures.lengthOf(g, "LineString")),
  bq_geog_perimeter: of(DOUBLE, (g) => measures.lengthOf(g, "Polygon")),
  bq_geog_area: of(DOUBLE, measures.areaOf),
  bq_geog_vertex: scalar([VARCHAR, BIGINT], VARCHAR, (g, n) => vertex(geography(g), number(n), "ST_POINTN")),
  bq_geog_line: ofTwo(VARCHAR, (a, b) => {
    const ends = [pointIn(a, "ST_MAKELINE here"), pointIn(b, "ST_MAKELINE here")];
    return serialise(lineOf(ends.flatMap((end) => (end ? [end] : []))));
  }),
  bq_geog_polygon: of(VARCHAR, (g) => serialise(polygonOf([lineIn(g, "ST_MAKEPOLYGON")]))),
  bq_geog_snap: scalar([VARCHAR, DOUBLE], VARCHAR, (g, size) =>
    serialise(pointOf(measures.snap(geography(g), number(size)))),
  ),
  bq_geog_azimuth: ofTwo(DOUBLE, measures.azimuth),
  bq_geog_distance: ofTwo(DOUBLE, relations.distance),
  bq_geog_max_distance: ofTwo(DOUBLE, relations.maxDistance),
  bq_geog_intersects: ofTwo(BOOLEAN, relations.intersects),
  bq_geog_contains: ofTwo(BOOLEAN, relations.contains),
  bq_geog_touches: ofTwo(BOOLEAN, relations.touches),
  bq_geog_equals: ofTwo(BOOLEAN, relations.equals),
  bq_geog_in_box: scalar([VARCHAR, DOUBLE, DOUBLE, DOUBLE, DOUBLE], BOOLEAN, (g, ...box) =>
    measures.inBox(geography(g), box.map(number)),
  ),
};
