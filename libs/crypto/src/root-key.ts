import { randomBytes } from 'node:crypto';
import { KEY_BYTES } from './aead';
import { CryptoError } from './errors';
import { readKeyFile, writeKeyFile } from './key-file';

/**
 * Makes the root key of a local installation, once: of two processes that try at the same time, the second one reads
 * the first one's key. The caller must have seen that the database holds no ciphertext: a new key beside old data
 * makes the data unreadable.
 */
export function createRootKey(path: string): Buffer {
  writeKeyFile(path, randomBytes(KEY_BYTES));
  const key = readKeyFile(path);
  if (key === undefined) throw new CryptoError('key', `${path} vanished while it was made`);
  return key;
}
