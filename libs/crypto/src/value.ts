import { encodeTuple } from './aad';
import { open, seal } from './aead';
import { decodeBase64 } from './base64';
import type { DataKey } from './envelope';
import { CryptoError } from './errors';
import { Secret } from './secret';

const PREFIX = 'enc:v2:';

/** Seals one named value of a document as `enc:v2:<base64(iv ‖ ciphertext ‖ tag)>`. */
export function sealValue(dataKey: DataKey, name: string, plaintext: string): string {
  const bytes = Buffer.from(plaintext, 'utf8');
  const sealed = seal(dataKey.key, bytes, valueAad(dataKey, name));
  bytes.fill(0);
  return PREFIX + sealed.toString('base64');
}

/**
 * Opens one named value. Only `enc:v2:` is accepted: this document has a data key, so an older form in it can only
 * have been pasted there.
 */
export function openValue(dataKey: DataKey, name: string, stored: string): Secret {
  if (!stored.startsWith(PREFIX)) throw new CryptoError('format', 'not a value sealed as enc:v2');
  const bytes = open(dataKey.key, decodeBase64(stored.slice(PREFIX.length)), valueAad(dataKey, name));
  const secret = new Secret(bytes.toString('utf8'));
  bytes.fill(0);
  return secret;
}

function valueAad({ place }: DataKey, name: string): Buffer {
  return encodeTuple([PREFIX, place.kind, place.org, place.id, name]);
}
