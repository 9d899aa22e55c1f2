import { encodeTuple } from './aad';
import { open, seal } from './aead';
import { decodeBase64 } from './base64';
import type { DataKey, Place } from './envelope';
import { CryptoError } from './errors';
import { Secret } from './secret';

const PREFIX = 'enc:v2:';

/** Seals one named value of a document as `enc:v2:<base64(iv ‖ ciphertext ‖ tag)>`. */
export function sealValue(dataKey: DataKey, name: string, plaintext: string): string {
  const bytes = Buffer.from(plaintext, 'utf8');
  const sealed = seal(dataKey.key, bytes, valueAad(dataKey.place, name));
  bytes.fill(0);
  return PREFIX + sealed.toString('base64');
}

/**
 * A stored value with all that its opening does not need a key for done: worth keeping where the same value is opened
 * often. Nothing in it is secret.
 */
export interface ParsedValue {
  readonly sealed: Buffer;
  readonly aad: Buffer;
}

/**
 * Opens one named value. Only `enc:v2:` is accepted: this document has a data key, so an older form in it can only
 * have been pasted there.
 */
export function openValue(dataKey: DataKey, name: string, stored: string): Secret {
  const bytes = openParsedValue(dataKey, parseValue(dataKey.place, name, stored));
  const secret = new Secret(bytes.toString('utf8'));
  bytes.fill(0);
  return secret;
}

/** Parses one named value of the document at `place`. Only `enc:v2:` is accepted, as by `openValue`. */
export function parseValue(place: Place, name: string, stored: string): ParsedValue {
  if (!stored.startsWith(PREFIX)) throw new CryptoError('format', 'not a value sealed as enc:v2');
  return { sealed: decodeBase64(stored.slice(PREFIX.length)), aad: valueAad(place, name) };
}

/** The plaintext of a parsed value, as bytes of UTF-8. Whoever asked zeroes them. */
export function openParsedValue({ key }: DataKey, { sealed, aad }: ParsedValue): Buffer {
  return open(key, sealed, aad);
}

function valueAad(place: Place, name: string): Buffer {
  return encodeTuple([PREFIX, place.kind, place.org, place.id, name]);
}
