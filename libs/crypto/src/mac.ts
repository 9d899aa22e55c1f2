import { createHmac, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto';
import { KEY_BYTES } from './aead';
import { decodeBase64 } from './base64';
import { encodeFacts } from './canonical';
import type { DataKey } from './envelope';
import { CryptoError } from './errors';

const FORMAT = 'stigmer/mac/v1';

/**
 * The MAC of a whole document, under a key of its own that only its data key gives: over where it lies and over
 * `facts`, which is everything in it that nobody may change but whoever has the key. The wrapped data key is none of
 * them: it authenticates itself, and is wrapped anew without a word to the rest.
 */
export function documentMac(dataKey: DataKey, facts: unknown): string {
  return compute(dataKey, facts).toString('base64');
}

/** Throws `forged` where the stored MAC is missing, or is not the one of this document with these facts. */
export function checkDocumentMac(dataKey: DataKey, facts: unknown, stored: unknown): void {
  if (typeof stored !== 'string') throw new CryptoError('forged', 'its MAC is missing');
  const expected = compute(dataKey, facts);
  const given = decodeBase64(stored);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new CryptoError('forged', 'its MAC is another one');
  }
}

function compute({ key, place: { kind, org, id } }: DataKey, facts: unknown): Buffer {
  const bytes = macKey(key);
  const mac = createHmac('sha256', bytes)
    .update(encodeFacts([FORMAT, kind, org, id, facts]))
    .digest();
  bytes.fill(0);
  return mac;
}

// The data key itself only encrypts, and its commitment is derived under another name.
function macKey(dataKey: KeyObject): Buffer {
  return Buffer.from(hkdfSync('sha256', dataKey, '', FORMAT, KEY_BYTES));
}
