/** The one made last, of those that were made; undefined for none. `created_at`: Unix milliseconds. */
export function newestOf<T extends { created_at: number }>(made: Iterable<T>): T | undefined {
  let newest: T | undefined;
  for (const one of made) {
    if (newest === undefined || newest.created_at < one.created_at) newest = one;
  }
  return newest;
}
