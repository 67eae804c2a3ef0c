import {
  type Geography,
  GeographyError,
  GeographyUnsupported,
  lineOf,
  type Position,
  pointOf,
  position,
} from "./geometry.ts";
import { polygonOf } from "./polygon.ts";
import { several } from "./wkt.ts";

/** Reads well-known binary. Throws GeographyError where it is none. */
export function readWkb(bytes: Uint8Array): Geography {
  const reader = new WkbReader(bytes);
  const made = reader.geography();
  return reader.atEnd() ? made : fail();
}

function fail(): never {
  throw new GeographyError("ST_GeogFromWKB failed: the bytes are no well-known binary of a geography");
}

class WkbReader {
  readonly #view: DataView;
  #at = 0;
  #little = true;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  geography(): Geography {
    const order = this.#read(1, (at) => this.#view.getUint8(at));
    if (order > 1) return fail();
    this.#little = order === 1;
    switch (this.#count()) {
      case 1:
        return pointOf(this.#position());
      case 2:
        return lineOf(this.#list(() => this.#position()));
      case 3:
        return polygonOf(this.#list(() => this.#list(() => this.#position())));
      case 4:
      case 5:
      case 6:
        return several(this.#list(() => this.geography()));
      default:
        throw new GeographyUnsupported("this kind of well-known binary");
    }
  }

  #list<T>(read: () => T): T[] {
    const count = this.#count();
    if (count > this.#view.byteLength) return fail();
    return Array.from({ length: count }, read);
  }

  #position(): Position {
    const read = (): number => this.#read(8, (at) => this.#view.getFloat64(at, this.#little));
    return position(read(), read());
  }

  #count(): number {
    return this.#read(4, (at) => this.#view.getUint32(at, this.#little));
  }

  #read(size: number, get: (at: number) => number): number {
    if (this.#at + size > this.#view.byteLength) return fail();
    const value = get(this.#at);
    this.#at += size;
    return value;
  }

  atEnd(): boolean {
    return this.#at === this.#view.byteLength;
  }
}
