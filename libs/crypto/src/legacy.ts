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
      return new Secret(open(key, sealed, NO_AAD).toString('utf8'));
    } catch (error) {
      if (!(error instanceof CryptoError) || error.failure !== 'forged') throw error;
    }
  }
  throw new CryptoError('forged', `opens with none of the configured keys ${ring.ids.join(', ')}`);
}
