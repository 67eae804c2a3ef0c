import { notImplemented } from "../../errors.ts";
import { GeographyError, GeographyUnsupported, serialise } from "./geometry.ts";
import { readWkt } from "./wkt.ts";

/** Well-known text of a parameter or a row as stored; undefined where it is none. Throws notImplemented. */
export function geographyText(text: string): string | undefined {
  try {
    return serialise(readWkt(text));
  } catch (error) {
    if (error instanceof GeographyError) return undefined;
    throw error instanceof GeographyUnsupported ? notImplemented(error.message) : error;
  }
}
