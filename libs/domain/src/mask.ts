import { literalForms, wholeForms } from './encodings';
import { createMatcher } from './matcher';
import { secretParts } from './secret-parts';
import { isNumber, maskability } from './weak-secret';

/** What stands in the place of a secret, in every read, log and result. */
export const REDACTED = '********';

export interface Masker {
  /** The text with every secret, in each of its encodings, replaced by the marker. */
  readonly text: (text: string) => string;
  /**
   * A JSON value with its texts masked. Its shape stays, and so does a number that is no secret. A field name is masked
   * where it holds a secret, never for a weak one: names keep their meaning, and a weak secret looks like any of them.
   */
  readonly json: <T>(value: T) => T;
}

/**
 * Builds a masker for the secrets of a run. Under 4 characters nothing is masked; a weak secret only as a whole
 * token, the others wherever they occur: raw, base64 (at three alignments) and base64url, hexadecimal,
 * URL-encoded, JSON-escaped, and in their parts. White space around a secret is not part of it: a file ends in
 * a newline, what is printed need not. Masking twice changes nothing more.
 */
export function createMasker(secrets: Iterable<string>): Masker {
  const known = [...secrets].map((secret) => secret.trim());
  const strong = known.filter((secret) => maskability(secret) === 'anywhere');
  const weak = known.filter((secret) => maskability(secret) === 'token');
  const parts = strong.flatMap((secret) => [secret, ...secretParts(secret)]);
  const anywhere = createMatcher(parts.flatMap(literalForms), { window: 8, wholeToken: false });
  const tokens = createMatcher(weak.flatMap(wholeForms), { window: 4, wholeToken: true });
  const numbers = new Set(weak.flatMap(numberForm));
  // The weak ones second: what borders on a masked secret is a token then, as it would be if masked again.
  const name = (input: string) => anywhere.replace(input, REDACTED);
  const text = (input: string) => tokens.replace(name(input), REDACTED);
  return { text, json: <T>(value: T) => maskJson(value, { name, text, numbers }) as T };
}

/** What becomes of the parts of a JSON value. */
interface JsonRules {
  readonly name: (input: string) => string;
  readonly text: (input: string) => string;
  readonly numbers: ReadonlySet<string>;
}

/** How a number that is a secret reads in JSON. What the secret 0000 reads like, 0, is in too many places. */
function numberForm(secret: string): readonly string[] {
  const form = String(Number(secret));
  return isNumber(secret) && form.length >= 4 ? [form] : [];
}

function maskJson(value: unknown, rules: JsonRules): unknown {
  if (typeof value === 'string') return rules.text(value);
  if (typeof value === 'number') return rules.numbers.has(String(value)) ? REDACTED : value;
  if (Array.isArray(value)) return value.map((item: unknown) => maskJson(item, rules));
  if (typeof value !== 'object' || value === null) return value;
  // fromEntries defines properties, so even a key called __proto__ stays a key.
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [rules.name(key), maskJson(item, rules)]),
  );
}
