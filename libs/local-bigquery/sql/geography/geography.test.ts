import assert from "node:assert/strict";
import { test } from "node:test";
import { startKit } from "../../test-kit.ts";
import { checkExpressions, checkRefusals } from "../test-expressions.ts";

const g = (wkt: string): string => `ST_GEOGFROMTEXT('${wkt}')`;
const SQUARE = g("POLYGON((0 0, 4 0, 4 4, 0 4, 0 0))");

checkExpressions("GEOGRAPHY from and to text, bytes and GeoJSON", [
  ["ST_ASTEXT(ST_GEOGPOINT(-122.4, 37.8))", "POINT(-122.4 37.8)"],
  [`ST_ASTEXT(${g(" linestring ( 1 2 , 3.25 -4e0 ) ")})`, "LINESTRING(1 2, 3.25 -4)"],
  [`ST_ASTEXT(${g("MULTIPOINT((1 2), 3 4)")})`, "MULTIPOINT(1 2, 3 4)"],
  [`ST_ASTEXT(${g("MULTILINESTRING((0 0, 1 1), (2 2, 3 3))")})`, "MULTILINESTRING((0 0, 1 1), (2 2, 3 3))"],
  [`ST_ASTEXT(${g("POINT EMPTY")})`, "GEOMETRYCOLLECTION EMPTY"],
  ["ST_ASTEXT(ST_GEOGFROMWKB(FROM_HEX('00000000013ff00000000000004000000000000000')))", "POINT(1 2)"],
  [`ST_ASGEOJSON(${g("POINT(3 4)")})`, '{ "type": "Point", "coordinates": [3, 4] } '],
  [
    `ST_ASGEOJSON(${g("LINESTRING(0 0, 0 50)")})`,
    '{ "type": "LineString", "coordinates": [ [0, 0], [0, 50] ] } ',
  ],
  ["ST_X(ST_GEOGPOINT(1.5, 2.5))", "1.5"],
  ["ST_Y(ST_GEOGPOINT(1.5, 2.5))", "2.5"],
  ["ST_ASTEXT(ST_GEOGPOINT(NULL, 1))", null],
]);

checkExpressions("the parts of a GEOGRAPHY", [
  [`ST_GEOMETRYTYPE(${SQUARE})`, "ST_Polygon"],
  [`ST_GEOMETRYTYPE(${g("MULTIPOINT(0 0, 1 1)")})`, "ST_MultiPoint"],
  [`ST_DIMENSION(${SQUARE})`, "2"],
  [`ST_DIMENSION(${g("LINESTRING EMPTY")})`, "-1"],
  [`ST_NUMPOINTS(${SQUARE})`, "5"],
  [`ST_NUMGEOMETRIES(${g("MULTIPOINT(0 0, 1 1)")})`, "2"],
  [`ST_ISCOLLECTION(${g("MULTIPOINT(0 0, 1 1)")})`, "true"],
  [`ST_ISEMPTY(${g("POINT EMPTY")})`, "true"],
  [`ST_ISCLOSED(${g("LINESTRING(0 0, 1 0, 1 1, 0 0)")})`, "true"],
  [`ST_ISCLOSED(${g("LINESTRING(0 0, 1 0)")})`, "false"],
  [`ST_ASTEXT(ST_POINTN(${g("LINESTRING(1 2, 3 4, 5 6)")}, -1))`, "POINT(5 6)"],
  [`ST_ASTEXT(ST_POINTN(${g("LINESTRING(1 2, 3 4, 5 6)")}, 4))`, null],
  [`ST_ASTEXT(ST_STARTPOINT(${g("LINESTRING(1 2, 3 4)")}))`, "POINT(1 2)"],
  ["ST_ASTEXT(ST_MAKELINE(ST_GEOGPOINT(1, 2), ST_GEOGPOINT(3, 4)))", "LINESTRING(1 2, 3 4)"],
  [`ST_ASTEXT(ST_MAKEPOLYGON(${g("LINESTRING(0 0, 1 0, 1 1, 0 0)")}))`, "POLYGON((0 0, 1 0, 1 1, 0 0))"],
  ["ST_ASTEXT(ST_SNAPTOGRID(ST_GEOGPOINT(1.234, -5.678), 0.01))", "POINT(1.23 -5.68)"],
]);

/** A quarter of the sphere's girth, metres. */
const QUARTER = "10007559.105973555";
checkExpressions("measures on the sphere", [
  [`ABS(ST_DISTANCE(ST_GEOGPOINT(0, 0), ST_GEOGPOINT(90, 0)) - ${QUARTER}) < 1e-6`, "true"],
  [`ABS(ST_DISTANCE(ST_GEOGPOINT(10, 20), ST_GEOGPOINT(170, 90)) - ${QUARTER} * 70 / 90) < 1e-6`, "true"],
  [`ABS(ST_DISTANCE(ST_GEOGPOINT(5, 1), ${g("LINESTRING(0 0, 10 0)")}) - ${QUARTER} / 90) < 1e-6`, "true"],
  [`ST_DISTANCE(ST_GEOGPOINT(1, 1), ${SQUARE})`, "0"],
  [`ST_DISTANCE(ST_GEOGPOINT(1, 1), ${g("POINT EMPTY")})`, null],
  [`ST_DWITHIN(ST_GEOGPOINT(0, 0), ST_GEOGPOINT(0, 1), 111196)`, "true"],
  [`ST_DWITHIN(ST_GEOGPOINT(0, 0), ST_GEOGPOINT(0, 1), 111195)`, "false"],
  [`ABS(ST_MAXDISTANCE(ST_GEOGPOINT(0, 0), ${g("LINESTRING(1 0, 3 0)")}) - ${QUARTER} / 30) < 1e-6`, "true"],
  [`ABS(ST_LENGTH(${g("LINESTRING(0 0, 90 0, 90 45)")}) - ${QUARTER} * 1.5) < 1e-6`, "true"],
  [`ST_LENGTH(${SQUARE})`, "0"],
  [`ABS(ST_PERIMETER(${g("POLYGON((0 0, 90 0, 0 89, 0 0))")}) / ${QUARTER} - 3) < 0.02`, "true"],
  // An eighth of the sphere.
  [`ABS(ST_AREA(${g("POLYGON((0 0, 90 0, 45 89.999999, 0 0))")}) / 510064471909788 - 0.125) < 1e-6`, "true"],
  ["ROUND(ST_AZIMUTH(ST_GEOGPOINT(0, 0), ST_GEOGPOINT(-1, 0)), 9)", "4.71238898"],
  ["ST_AZIMUTH(ST_GEOGPOINT(0, 0), ST_GEOGPOINT(0, 0))", null],
]);

checkExpressions("relations on the sphere", [
  [`ST_CONTAINS(${SQUARE}, ST_GEOGPOINT(2, 2))`, "true"],
  // The edge from (0 4) to (4 4) rises above its parallel.
  [`ST_COVERS(${SQUARE}, ST_GEOGPOINT(2, 4.001))`, "true"],
  [`ST_WITHIN(ST_GEOGPOINT(2, 4.01), ${SQUARE})`, "false"],
  [`ST_COVEREDBY(${g("LINESTRING(1 1, 3 3)")}, ${SQUARE})`, "true"],
  [`ST_CONTAINS(${SQUARE}, ${g("LINESTRING(1 1, 5 5)")})`, "false"],
  [`ST_CONTAINS(${SQUARE}, ${g("POLYGON((1 1, 2 1, 2 2, 1 1))")})`, "true"],
  [`ST_CONTAINS(${g("POLYGON((1 1, 2 1, 2 2, 1 1))")}, ${SQUARE})`, "false"],
  [`ST_INTERSECTS(${g("POLYGON((1 1, 2 1, 2 2, 1 1))")}, ${SQUARE})`, "true"],
  [`ST_INTERSECTS(${g("LINESTRING(-1 2, 5 2)")}, ${SQUARE})`, "true"],
  [`ST_INTERSECTS(${g("LINESTRING(0 1, 1 0)")}, ${g("LINESTRING(0 0.1, 1 1)")})`, "true"],
  [`ST_DISJOINT(${g("LINESTRING(0 1, 1 0)")}, ${g("LINESTRING(2 2, 3 3)")})`, "true"],
  [`ST_INTERSECTS(${g("LINESTRING(0 1, 1 0)")}, ST_GEOGPOINT(1, 0))`, "true"],
  ["ST_TOUCHES(ST_GEOGPOINT(0, 0), ST_GEOGPOINT(0, 0))", "false"],
  [`ST_TOUCHES(${SQUARE}, ST_GEOGPOINT(2, 2))`, "false"],
  [`ST_EQUALS(${SQUARE}, ${SQUARE})`, "true"],
  ["ST_EQUALS(ST_GEOGPOINT(180, 1), ST_GEOGPOINT(-180, 1))", "true"],
  ["ST_INTERSECTSBOX(ST_GEOGPOINT(2, 2), 0, 0, 2, 2)", "true"],
  ["ST_INTERSECTSBOX(ST_GEOGPOINT(179, 0), 170, -5, -170, 5)", "true"],
  ["ST_INTERSECTSBOX(ST_GEOGPOINT(0, 0), 170, -5, -170, 5)", "false"],
]);

checkRefusals("what the service refuses of GEOGRAPHY", [
  ["SELECT ST_GEOGPOINT(0, 91)", /Latitude must be between -90 and 90/],
  ["SELECT ST_GEOGFROMTEXT('POINT(1)')", /no well-known text/],
  ["SELECT ST_GEOGFROMTEXT('POLYGON((0 0, 1 0, 1 1, 0 1))')", /must be closed/],
  ["SELECT ST_GEOGFROMTEXT('POLYGON((0 0, 2 2, 2 0, 0 1, 0 0))')", /cross/],
  [`SELECT ST_X(${SQUARE})`, /ST_X takes a point/],
  [`SELECT ${SQUARE} = ${SQUARE}`, /No matching signature for operator =/],
  [
    "SELECT COUNT(*) FROM UNNEST([1]) AS x GROUP BY ST_GEOGPOINT(0, x)",
    /Grouping by expressions of type GEOGRAPHY/,
  ],
]);

test("what would hang on rounding, or is not documented, is refused", async (t) => {
  const { client } = await startKit(t);
  for (const expression of [
    `ST_INTERSECTS(${SQUARE}, ST_GEOGPOINT(4, 1))`,
    `ST_CONTAINS(${SQUARE}, ${g("POLYGON((0 0, 2 0, 2 2, 0 0))")})`,
    `ST_INTERSECTS(${g("LINESTRING(0 0, 2 0)")}, ST_GEOGPOINT(1, 0))`,
    g("POLYGON((0 0, 0 4, 4 4, 4 0, 0 0))"),
    g("POLYGON((0 0, 9 0, 9 9, 0 0), (4 1, 5 1, 5 2, 4 1))"),
    "ST_ASTEXT(ST_GEOGPOINT(180, 0))",
    "ST_GEOGPOINT(0.00001, 0)",
    `ST_BUFFER(ST_GEOGPOINT(0, 0), 10)`,
    "SAFE.ST_GEOGFROMTEXT('POINT(1 2)')",
  ])
    await assert.rejects(client.query(`SELECT ${expression}`), { code: 501 }, expression);
});

test("GEOGRAPHY columns are stored, bound and shown", async (t) => {
  const { client, rows } = await startKit(t);
  await client.createDataset("d");
  await rows("CREATE TABLE d.places (name STRING, at GEOGRAPHY)");
  await rows("INSERT d.places VALUES ('a', ST_GEOGPOINT(1, 2)), ('b', NULL)");
  await client
    .dataset("d")
    .table("places")
    .insert([{ name: "c", at: "POINT(3 4)" }]);
  const near = await rows({
    query: "SELECT name FROM d.places WHERE ST_DWITHIN(at, @here, 200000) ORDER BY name",
    params: { here: client.geography("POINT(3 5)") },
  });
  assert.deepEqual(near, [{ name: "c" }]);
  const [answer] = await client.query("SELECT at FROM d.places WHERE name = 'a'");
  assert.deepEqual(JSON.parse(JSON.stringify(answer)), [{ at: { value: "POINT(1 2)" } }]);
});
