import { createSecretKey, hkdfSync } from 'node:crypto';
import { KEY_BYTES } from './aead';
import { decodeBase64 } from './base64';
import { CryptoError } from './errors';
import { importKey, type KeyEncryptionKey } from './key-ring';

const CONTEXT_KEY_INFO = 'stigmer/context/v1';

/** Parses one configured key: base64 of exactly 32 bytes, nothing before or after it. The error never quotes it. */
export function parseKey(text: string): KeyEncryptionKey {
  try {
    return importKey(decodeBase64(text));
  } catch (error) {
    if (error instanceof CryptoError)
      throw new CryptoError('key', 'a key must be base64 of exactly 32 bytes');
    throw error;
  }
}

/** Parses the keys that only unwrap, separated by commas or white space. */
export function parseKeys(text: string): readonly KeyEncryptionKey[] {
  return text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map(parseKey);
}

/**
 * Derives the key of execution contexts from the root key of a local installation, as 32 bytes for the context
 * service's key file. That service never holds the root, and the derived key opens no environment.
 */
export function deriveContextKey(root: Uint8Array): Buffer {
  if (root.length !== KEY_BYTES) throw new CryptoError('key', `a root key is ${KEY_BYTES} bytes`);
  return Buffer.from(hkdfSync('sha256', createSecretKey(root), '', CONTEXT_KEY_INFO, KEY_BYTES));
}
