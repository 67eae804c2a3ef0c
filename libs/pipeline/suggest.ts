/** `; did you mean "x"?` for the name closest to `name`, or nothing when none is close. */
export function didYouMean(name: string, known: Iterable<string>): string {
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (best === undefined || distance < best.distance) best = { name: candidate, distance };
  }
  const close = best !== undefined && best.distance <= Math.max(1, Math.floor(name.length / 3));
  return close ? `; did you mean "${best?.name}"?` : "";
}

/** Edits that turn one name into the other: insert, delete, replace, swap two neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(get(above, j) + 1, get(row, j - 1) + 1, get(above, j - 1) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, get(before, j - 2) + 1);
      row.push(cost);
    }
    before = above;
    above = row;
  }
  return get(above, b.length);
}

function get(row: readonly number[], at: number): number {
  return row[at] ?? Number.POSITIVE_INFINITY;
}
