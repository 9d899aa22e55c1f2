import { invalidArguments, type Violation } from './errors';
import { isVariableName, VARIABLE_NAME_RULE } from './names';

export interface DotenvEntry {
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

const BLANK = /^[ \t]*(?:#.*)?$/;
const TRAILER = /^[ \t]*(?:#.*)?(?=\n|$)/;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['\\', '\\'],
  ['"', '"'],
  ['$', '$'],
]);

/**
 * Reads a dotenv file. Single quotes and backticks are literal, double quotes know \n \r \t \\ \" \$, all
 * three may span lines; a `#` after white space begins a comment; nothing is interpolated. A name set twice is
 * an error, since whichever won would surprise somebody. Throws INVALID_ARGUMENT with every faulty line's
 * number, and never its text: a value may have strayed there.
 */
export function parseDotenv(text: string): readonly DotenvEntry[] {
  const source = text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  const entries: DotenvEntry[] = [];
  const faults: Violation[] = [];
  const lineOf = new Map<string, number>();
  for (let at = 0, line = 1; at < source.length;) {
    const { entry, fault, end } = parseLine(source, at, line);
    const before = entry === undefined ? undefined : lineOf.get(entry.key);
    const problem = before === undefined ? fault : `the same name is set on line ${before}`;
    if (problem !== undefined) faults.push({ field: `line ${line}`, description: problem });
    if (entry !== undefined) {
      entries.push(entry);
      lineOf.set(entry.key, line);
    }
    line += source.slice(at, end).split('\n').length;
    at = end + 1;
  }
  if (faults.length > 0) throw invalidArguments(faults);
  return entries;
}

interface ParsedLine {
  readonly entry?: DotenvEntry;
  readonly fault?: string;
  /** Where the newline stands that ends it. */
  readonly end: number;
}

function parseLine(source: string, start: number, line: number): ParsedLine {
  const end = endOfLine(source, start);
  const text = source.slice(start, end);
  if (BLANK.test(text)) return { end };
  const equals = text.indexOf('=');
  if (equals === -1) return { end, fault: 'expected NAME=value' };
  const key = text
    .slice(0, equals)
    .trim()
    .replace(/^export[ \t]+/, '');
  if (!isVariableName(key)) return { end, fault: VARIABLE_NAME_RULE };
  const rest = text.slice(equals + 1);
  const value = rest.trimStart();
  const quote = value.charAt(0);
  if (quote === '"' || quote === "'" || quote === '`')
    return parseQuoted(source, end - value.length, quote, key, line);
  return { end, entry: { key, value: unquoted(rest), line } };
}

function unquoted(text: string): string {
  return text.replace(/[ \t]#.*$/, '').trim();
}

function parseQuoted(source: string, open: number, quote: string, key: string, line: number): ParsedLine {
  const close = closingQuote(source, open, quote);
  // Whatever follows is inside the quotes; to read on would report it line by line.
  if (close === -1) return { end: source.length, fault: 'the quote that opens here is never closed' };
  const trailer = TRAILER.exec(source.slice(close + 1));
  if (trailer === null) return { end: endOfLine(source, close), fault: 'text after the closing quote' };
  const raw = source.slice(open + 1, close);
  const value =
    quote === '"' ? raw.replace(/\\(.)/g, (whole, char: string) => ESCAPES.get(char) ?? whole) : raw;
  return { end: close + 1 + trailer[0].length, entry: { key, value, line } };
}

function closingQuote(source: string, open: number, quote: string): number {
  for (let at = open + 1; at < source.length; at++) {
    if (source[at] === quote) return at;
    if (quote === '"' && source[at] === '\\') at += 1;
  }
  return -1;
}

function endOfLine(source: string, from: number): number {
  const end = source.indexOf('\n', from);
  return end === -1 ? source.length : end;
}
