/** Nobody mistypes longer names by hand, and comparing them would take its time. */
const NAME_LENGTH = 64;
/** How many suggestions one request gets: whoever has mistyped more than that reads the first few. */
const SUGGESTIONS = 20;
/** Larger than any distance of names so short. */
const FAR = 1_000;

/** Finds the candidate that a mistyped name most likely means. */
export type Suggest = (name: string, candidates: Iterable<string>) => string | undefined;

/** The candidate that a mistyped name most likely means, or undefined where none is near. */
export function suggest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > NAME_LENGTH) return undefined;
  const wanted = name.toUpperCase();
  let best: string | undefined;
  // Two typing errors in a long name, one in a short one: more would suggest strangers.
  let least = name.length <= 4 ? 2 : 3;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const distance = editDistance(wanted, candidate.toUpperCase(), least);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** `suggest` for one request: after the first few names it says nothing, so that no request takes long. */
export function suggestFew(): Suggest {
  let asked = 0;
  return (name, candidates) => {
    asked += 1;
    return asked > SUGGESTIONS ? undefined : suggest(name, candidates);
  };
}

/**
 * Insertions, deletions, replacements and swaps of neighbours (optimal string alignment), or FAR where there
 * are `limit` or more. Farther than that from the diagonal every distance is too large, so only a band around it is
 * computed: its field k is column i + k - reach of row i.
 */
function editDistance(a: string, b: string, limit: number): number {
  const reach = limit - 1;
  const band = Array.from({ length: 2 * reach + 1 }, (_, k) => k);
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = band.map((k) => (k < reach ? FAR : k - reach));
  for (let i = 1; i <= a.length; i++) {
    const row: number[] = [];
    let least = FAR;
    for (const k of band) {
      const j = i + k - reach;
      let distance = j === 0 ? i : FAR;
      if (j > 0 && j <= b.length) {
        const same = a[i - 1] === b[j - 1];
        distance = smaller(at(last, k) + (same ? 0 : 1), smaller(at(last, k + 1), at(row, k - 1)) + 1);
        const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
        if (swapped) distance = smaller(distance, at(beforeLast, k) + 1);
      }
      row.push(distance);
      least = smaller(least, distance);
    }
    if (least >= limit) return FAR;
    [beforeLast, last] = [last, row];
  }
  return at(last, b.length - a.length + reach);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? FAR;
}

function smaller(a: number, b: number): number {
  return a < b ? a : b;
}
