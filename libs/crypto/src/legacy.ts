import { isUtf8 } from 'node:buffer';
import { open } from './aead';
import { decodeBase64 } from './base64';
import { CryptoError } from './errors';
import type { KeyRing } from './key-ring';
import { Secret } from './secret';

const PREFIX = 'enc:v1:';
const NO_AAD = Buffer.alloc(0);

/**
 * Opens a value as earlier systems wrote it: bare `base64(iv ‖ ciphertext ‖ tag)`, or the same behind `enc:v1:`,
 * sealed with the key-encryption key itself and bound to no place. Read for ever, never written; and for documents
 * without a crypto header alone, which is the caller's duty.
 *
 * These forms do not say which key they need, so each key of the ring is tried.
 */
export function openLegacyValue(ring: KeyRing, stored: string): Secret {
  const sealed = decodeBase64(stored.startsWith(PREFIX) ? stored.slice(PREFIX.length) : stored);
  for (const { key } of ring.keys) {
    try {
      return new Secret(textOf(open(key, sealed, NO_AAD)));
    } catch (error) {
      if (!(error instanceof CryptoError) || error.failure !== 'forged') throw error;
    }
  }
  throw new CryptoError('forged', `opens with none of the configured keys ${ring.ids.join(', ')}`);
}

/** What is no text is refused, and not read with other characters in its place: a write would store those for it. */
function textOf(bytes: Buffer): string {
  try {
    if (!isUtf8(bytes)) throw new CryptoError('format', 'is not text in UTF-8');
    return bytes.toString('utf8');
  } finally {
    bytes.fill(0);
  }
}
