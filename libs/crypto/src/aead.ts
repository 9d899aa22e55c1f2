import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';
import { CryptoError } from './errors';

/**
 * The only file that names a cipher: AES-256-GCM over `iv(12) ‖ ciphertext ‖ tag(16)`.
 *
 * The iv is random. At most 2^32 messages may be sealed under one key before two ivs are likely enough to meet
 * (NIST SP 800-38D, 8.3). A data key seals one document's values and a key-encryption key seals only data keys, so
 * neither comes near it. A counter would repeat after a restored snapshot; randomness does not.
 */
const CIPHER = 'aes-256-gcm';
export const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
// Without it Node accepts a tag cut to four bytes, which can be guessed.
const OPTIONS = { authTagLength: TAG_BYTES } as const;

/** Seals `plaintext` under `key`, bound to `aad`. */
export function seal(key: KeyObject, plaintext: Uint8Array, aad: Uint8Array): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv, OPTIONS).setAAD(aad);
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([iv, body, cipher.getAuthTag()]);
}

/** Opens what `seal` made. Throws `forged` for another key, other `aad`, or a single changed bit. */
export function open(key: KeyObject, sealed: Uint8Array, aad: Uint8Array): Buffer {
  if (sealed.length < IV_BYTES + TAG_BYTES) throw new CryptoError('format', 'a ciphertext is too short');
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, IV_BYTES), OPTIONS)
    .setAAD(aad)
    .setAuthTag(sealed.subarray(tagAt));
  const unverified = decipher.update(sealed.subarray(IV_BYTES, tagAt));
  try {
    decipher.final();
  } catch {
    // What `update` returned is unauthenticated: it must not outlive this block. OpenSSL's message adds nothing.
    unverified.fill(0);
    throw new CryptoError('forged', 'a ciphertext was altered, or was sealed for another place or key');
  }
  return unverified;
}
