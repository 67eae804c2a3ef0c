import { type Signature, sig } from "../signature.ts";

const of = (result: string, duck: string): Signature[] => [sig("GEOGRAPHY", result, (g) => `${duck}(${g})`)];
const ofTwo = (result: string, duck: string): Signature[] => [
  sig("GEOGRAPHY, GEOGRAPHY", result, (a, b) => `${duck}(${a}, ${b})`),
];

/**
 * GEOGRAPHY functions, in JavaScript on the service's sphere (sql/geography/). Those whose results hang on rounding or
 * on an order of vertices that is not documented are left out, as are such arguments of these.
 */
export const GEOGRAPHY_FUNCTIONS: Record<string, Signature[]> = {
  ST_GEOGPOINT: [sig("FLOAT64, FLOAT64", "GEOGRAPHY", (lng, lat) => `bq_geog_point(${lng}, ${lat})`)],
  ST_GEOGFROMTEXT: [sig("STRING", "GEOGRAPHY", (text) => `bq_geog_from_text(${text})`)],
  ST_GEOGFROMWKB: [
    sig("BYTES", "GEOGRAPHY", (bytes) => `bq_geog_from_wkb(${bytes})`),
    sig("STRING", "GEOGRAPHY", (hex) => `bq_geog_from_wkb(from_hex(${hex}))`),
  ],
  ST_ASTEXT: of("STRING", "bq_geog_text"),
  ST_ASGEOJSON: of("STRING", "bq_geog_json"),
  ST_X: of("FLOAT64", "bq_geog_x"),
  ST_Y: of("FLOAT64", "bq_geog_y"),
  ST_GEOMETRYTYPE: of("STRING", "bq_geog_type"),
  ST_DIMENSION: of("INT64", "bq_geog_dimension"),
  ST_NPOINTS: of("INT64", "bq_geog_vertices"),
  ST_NUMPOINTS: of("INT64", "bq_geog_vertices"),
  ST_NUMGEOMETRIES: of("INT64", "bq_geog_parts"),
  ST_ISEMPTY: [sig("GEOGRAPHY", "BOOL", (g) => `(bq_geog_parts(${g}) = 0)`)],
  ST_ISCOLLECTION: [sig("GEOGRAPHY", "BOOL", (g) => `(bq_geog_parts(${g}) > 1)`)],
  ST_ISCLOSED: of("BOOL", "bq_geog_closed"),
  ST_LENGTH: of("FLOAT64", "bq_geog_length"),
  ST_PERIMETER: of("FLOAT64", "bq_geog_perimeter"),
  ST_AREA: of("FLOAT64", "bq_geog_area"),
  ST_POINTN: [sig("GEOGRAPHY, INT64", "GEOGRAPHY", (g, n) => `bq_geog_vertex(${g}, ${n})`)],
  ST_STARTPOINT: [sig("GEOGRAPHY", "GEOGRAPHY", (g) => `bq_geog_vertex(${g}, 1)`)],
  ST_ENDPOINT: [sig("GEOGRAPHY", "GEOGRAPHY", (g) => `bq_geog_vertex(${g}, -1)`)],
  ST_MAKELINE: ofTwo("GEOGRAPHY", "bq_geog_line"),
  ST_MAKEPOLYGON: of("GEOGRAPHY", "bq_geog_polygon"),
  ST_SNAPTOGRID: [sig("GEOGRAPHY, FLOAT64", "GEOGRAPHY", (g, size) => `bq_geog_snap(${g}, ${size})`)],
  ST_AZIMUTH: ofTwo("FLOAT64", "bq_geog_azimuth"),
  ST_DISTANCE: ofTwo("FLOAT64", "bq_geog_distance"),
  ST_MAXDISTANCE: ofTwo("FLOAT64", "bq_geog_max_distance"),
  ST_DWITHIN: [
    sig("GEOGRAPHY, GEOGRAPHY, FLOAT64", "BOOL", (a, b, most) => `(bq_geog_distance(${a}, ${b}) <= ${most})`),
  ],
  ST_INTERSECTS: ofTwo("BOOL", "bq_geog_intersects"),
  ST_DISJOINT: [sig("GEOGRAPHY, GEOGRAPHY", "BOOL", (a, b) => `(NOT bq_geog_intersects(${a}, ${b}))`)],
  ST_CONTAINS: ofTwo("BOOL", "bq_geog_contains"),
  ST_COVERS: ofTwo("BOOL", "bq_geog_contains"),
  ST_WITHIN: [sig("GEOGRAPHY, GEOGRAPHY", "BOOL", (a, b) => `bq_geog_contains(${b}, ${a})`)],
  ST_COVEREDBY: [sig("GEOGRAPHY, GEOGRAPHY", "BOOL", (a, b) => `bq_geog_contains(${b}, ${a})`)],
  ST_TOUCHES: ofTwo("BOOL", "bq_geog_touches"),
  ST_EQUALS: ofTwo("BOOL", "bq_geog_equals"),
  ST_INTERSECTSBOX: [
    sig(
      "GEOGRAPHY, FLOAT64, FLOAT64, FLOAT64, FLOAT64",
      "BOOL",
      (g, ...box) => `bq_geog_in_box(${g}, ${box.join(", ")})`,
    ),
  ],
};
