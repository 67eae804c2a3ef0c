import {
  checkSpelling,
  EMPTY,
  type Geography,
  GeographyError,
  GeographyUnsupported,
  kindOf,
  lineOf,
  type Part,
  type Position,
  pointOf,
  position,
} from "./geometry.ts";
import { polygonOf } from "./polygon.ts";
import { positionOf, vectorOf } from "./sphere.ts";

const TOKEN = /\s*([A-Za-z]+|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[(),])/y;

/** Reads well-known text. Throws GeographyError where it is none. */
export function readWkt(text: string): Geography {
  const reader = new WktReader(text);
  const made = reader.geography();
  reader.finish();
  return made;
}

class WktReader {
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(text: string) {
    TOKEN.lastIndex = 0;
    let end = 0;
    for (let found = TOKEN.exec(text); found; found = TOKEN.exec(text)) {
      this.#tokens.push(found[1] ?? "");
      end = TOKEN.lastIndex;
    }
    if (text.slice(end).trim() !== "") this.#fail();
  }

  geography(): Geography {
    const kind = (this.#next() ?? "").toUpperCase();
    if (/^(Z|M|ZM)$/i.test(this.#tokens[this.#at] ?? ""))
      throw new GeographyUnsupported("GEOGRAPHY with heights");
    if (this.#takes("EMPTY")) return EMPTY;
    switch (kind) {
      case "POINT":
        return this.#within(() => pointOf(this.#position()));
      case "LINESTRING":
        return this.#line();
      case "POLYGON":
        return this.#polygon();
      case "MULTIPOINT":
        return several(this.#list(() => this.#looseP()));
      case "MULTILINESTRING":
        return several(this.#list(() => this.#line()));
      case "MULTIPOLYGON":
        return several(this.#list(() => this.#polygon()));
      case "GEOMETRYCOLLECTION":
        throw new GeographyUnsupported("GEOMETRYCOLLECTION");
      default:
        return this.#fail();
    }
  }

  #line(): Geography {
    return lineOf(this.#list(() => this.#position()));
  }

  #polygon(): Geography {
    return polygonOf(this.#list(() => this.#list(() => this.#position())));
  }

  /** A point of a MULTIPOINT: with or without parentheses. */
  #looseP(): Geography {
    return this.#tokens[this.#at] === "("
      ? this.#within(() => pointOf(this.#position()))
      : pointOf(this.#position());
  }

  #within<T>(read: () => T): T {
    if (!this.#takes("(")) return this.#fail();
    const made = read();
    return this.#takes(")") ? made : this.#fail();
  }

  #list<T>(read: () => T): T[] {
    return this.#within(() => {
      const items = [read()];
      while (this.#takes(",")) items.push(read());
      return items;
    });
  }

  #position(): Position {
    const [lng, lat] = [Number(this.#next()), Number(this.#next())];
    if (Number.isNaN(lng) || Number.isNaN(lat)) return this.#fail();
    if (/^[-+.\d]/.test(this.#tokens[this.#at] ?? ""))
      throw new GeographyUnsupported("GEOGRAPHY with heights");
    return position(lng, lat);
  }

  #next(): string | undefined {
    return this.#tokens[this.#at++];
  }

  #takes(word: string): boolean {
    if (this.#tokens[this.#at]?.toUpperCase() !== word) return false;
    this.#at++;
    return true;
  }

  finish(): void {
    if (this.#at < this.#tokens.length) this.#fail();
  }

  #fail(): never {
    throw new GeographyError("ST_GeogFromText failed: the text is no well-known text of a geography");
  }
}

/** Parts of one kind together. The service joins and sorts those that meet: they are left out. */
export function several(list: Geography[]): Geography {
  const parts = list.flatMap((g) => g.parts);
  const texts = new Set(parts.map((part) => JSON.stringify(part)));
  if (parts.length < 2 || texts.size < parts.length)
    throw new GeographyUnsupported("a MULTI* GEOGRAPHY of one part, or with a part repeated");
  if (parts.some((part) => part.kind === "Polygon")) throw new GeographyUnsupported("MULTIPOLYGON");
  return { parts };
}

/** A coordinate as the service spells it: 15 digits of what it is after its way over the sphere. */
function spelled(degrees: number): string {
  if (degrees !== 0 && Math.abs(degrees) < 1e-4)
    throw new GeographyUnsupported("a coordinate below 0.0001 degrees as text");
  return String(Number(degrees.toPrecision(15)) + 0);
}

/** A vertex's two numbers as text. */
export function coordinates(at: Position): [string, string] {
  checkSpelling(at);
  const [lng, lat] = positionOf(vectorOf(at));
  return [spelled(lng), spelled(lat)];
}

const ring = (vertices: Position[]): string =>
  `(${vertices.map((v) => coordinates(v).join(" ")).join(", ")})`;

/** ST_ASTEXT. */
export function writeWkt(geography: Geography): string {
  const kind = kindOf(geography);
  if (kind === undefined) return "GEOMETRYCOLLECTION EMPTY";
  const texts = geography.parts.map(partText);
  if (geography.parts.length === 1) return `${kind.toUpperCase()}${texts[0]}`;
  const inner = kind === "MultiPoint" ? texts.map((text) => text.slice(1, -1)) : texts;
  return `${kind.toUpperCase()}(${inner.join(", ")})`;
}

function partText(part: Part): string {
  if (part.kind !== "Polygon") return ring(part.rings[0] ?? []);
  return `(${part.rings.map(ring).join(", ")})`;
}
