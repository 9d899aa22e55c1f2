import { literalForms, wholeForms } from './encodings';
import { createMatcher } from './matcher';
import { isWeakSecret, maskability } from './weak-secret';

/** What stands in the place of a secret, in every read, log and result. */
export const REDACTED = '********';

export interface Masker {
  /** The text with every secret, in each of its encodings, replaced by the marker. */
  readonly text: (text: string) => string;
  /** A JSON value with its texts masked; keys and shape stay, and so does a number that is no secret. */
  readonly json: <T>(value: T) => T;
}

/** A line of a multi-line secret is masked by itself from this length on. */
const LINE_LENGTH = 12;

/**
 * Builds a masker for the secrets of a run. Under 4 characters nothing is masked; a weak secret only as a whole
 * token, the others wherever they occur: raw, base64 (at three alignments) and base64url, hexadecimal,
 * URL-encoded, JSON-escaped, and line by line. Masking twice changes nothing more.
 */
export function createMasker(secrets: Iterable<string>): Masker {
  const strong = new Set<string>();
  const weak = new Set<string>();
  const numbers = new Set<string>();
  for (const secret of secrets) {
    const known = maskability(secret);
    if (known === 'none') continue;
    if (secret.trim() !== '' && Number.isFinite(Number(secret))) numbers.add(String(Number(secret)));
    if (known === 'token') for (const form of wholeForms(secret)) weak.add(form);
    else
      for (const part of [secret, ...linesOf(secret)])
        for (const form of literalForms(part)) strong.add(form);
  }
  const anywhere = createMatcher(strong, { window: 8, wholeToken: false });
  const tokens = createMatcher(weak, { window: 4, wholeToken: true });
  // The weak ones second: what borders on a masked secret is a token then, as it would be if masked again.
  const text = (input: string) => tokens.replace(anywhere.replace(input, REDACTED), REDACTED);
  const json = <T>(value: T): T => maskJson(value, text, numbers) as T;
  return { text, json };
}

function linesOf(secret: string): readonly string[] {
  const lines = secret.split(/\r?\n/).map((line) => line.trim());
  if (lines.length === 1) return [];
  // The armour of a PEM key says nothing, and masking it would hide what kind of text was there.
  return lines.filter(
    (line) => line.length >= LINE_LENGTH && !isWeakSecret(line) && !/^-----.*-----$/.test(line),
  );
}

function maskJson(value: unknown, text: (input: string) => string, numbers: ReadonlySet<string>): unknown {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'number') return numbers.has(String(value)) ? REDACTED : value;
  if (Array.isArray(value)) return value.map((item: unknown) => maskJson(item, text, numbers));
  if (typeof value !== 'object' || value === null) return value;
  // fromEntries defines properties, so even a key called __proto__ stays a key.
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskJson(item, text, numbers)]));
}
