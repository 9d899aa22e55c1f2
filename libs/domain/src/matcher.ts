/** Replaces needles in texts, in time linear in the text however many needles there are. */
export interface Matcher {
  readonly replace: (text: string, marker: string) => string;
}

export interface MatcherOptions {
  /** How many of a needle's last characters it is found by; no needle is shorter. A divisor of 32. */
  readonly window: 4 | 8;
  /** Whether a needle counts only where no word goes on beyond it. */
  readonly wholeToken: boolean;
}

/** Start (inclusive) and end (exclusive) of what is to be replaced. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds needles by a rolling hash of their last characters (a needle's end is the part most likely its own:
 * tokens and keys begin alike) and replaces the union of all that overlap, so that of two secrets that share
 * some text no remnant is left. Ten thousand needles cost little more than one; a regular expression with as
 * many alternatives would try them one by one, and has a size limit.
 */
export function createMatcher(needles: Iterable<string>, { window, wholeToken }: MatcherOptions): Matcher {
  const shift = 32 / window;
  const byHash = new Map<number, string[]>();
  for (const needle of new Set(needles)) {
    if (needle.length < window) throw new RangeError('a needle is shorter than the window');
    const hash = hashOfEnd(needle, shift);
    const bucket = byHash.get(hash);
    if (bucket === undefined) byHash.set(hash, [needle]);
    else bucket.push(needle);
  }
  for (const bucket of byHash.values()) bucket.sort((a, b) => b.length - a.length);
  const find = (text: string): readonly Span[] => {
    const spans: Span[] = [];
    let hash = 0;
    for (let at = 0; at < text.length; at++) {
      hash = (hash << shift) ^ text.charCodeAt(at);
      const bucket = byHash.get(hash);
      if (bucket === undefined) continue;
      const end = at + 1;
      // The longest that ends here covers all the others that do.
      const needle = bucket.find(
        (one) => text.endsWith(one, end) && (!wholeToken || isToken(text, end - one.length, end)),
      );
      if (needle !== undefined) spans.push({ start: end - needle.length, end });
    }
    return spans;
  };
  if (byHash.size === 0) return { replace: (text) => text };
  return { replace: (text, marker) => replaceSpans(text, union(find(text)), marker) };
}

/** Older characters are shifted out of the 32 bits, so this is the rolling hash of a text that ends so. */
function hashOfEnd(text: string, shift: number): number {
  let hash = 0;
  for (let at = Math.max(0, text.length - 32 / shift); at < text.length; at++)
    hash = (hash << shift) ^ text.charCodeAt(at);
  return hash;
}

/** Joins the spans that overlap; they come in the order of their ends. */
function union(spans: readonly Span[]): readonly Span[] {
  const joined: Span[] = [];
  for (const { start, end } of spans) {
    let from = start;
    for (let last = joined.at(-1); last !== undefined && last.end > from; last = joined.at(-1)) {
      from = Math.min(from, last.start);
      joined.pop();
    }
    joined.push({ start: from, end });
  }
  return joined;
}

function replaceSpans(text: string, spans: readonly Span[], marker: string): string {
  const pieces: string[] = [];
  let done = 0;
  for (const { start, end } of spans) {
    pieces.push(text.slice(done, start), marker);
    done = end;
  }
  return pieces.join('') + text.slice(done);
}

/** Whether no word goes on across either end, as with `\b`. */
function isToken(text: string, start: number, end: number): boolean {
  return !(isWord(text, start - 1) && isWord(text, start)) && !(isWord(text, end - 1) && isWord(text, end));
}

function isWord(text: string, at: number): boolean {
  return /[\p{L}\p{N}_]/u.test(text.charAt(at));
}
