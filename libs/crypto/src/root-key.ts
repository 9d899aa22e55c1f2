import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { KEY_BYTES } from './aead';
import { CryptoError, systemErrorCode } from './errors';

const OTHERS = 0o077;

/** Reads the root key of a local installation: 32 raw bytes in a file that is its owner's alone. `undefined`: no such file. */
export function readRootKey(path: string): Buffer | undefined {
  const file = openIfThere(path);
  if (file === undefined) return undefined;
  try {
    // Checked on the open file, so it cannot be swapped for another in between.
    if ((fstatSync(file).mode & OTHERS) !== 0) {
      throw new CryptoError(
        'key',
        `${path} can be read by others: chmod 600 it, or replace the key if it was exposed`,
      );
    }
    const bytes = readFileSync(file);
    if (bytes.length !== KEY_BYTES)
      throw new CryptoError('key', `${path} must hold exactly ${KEY_BYTES} bytes`);
    return bytes;
  } finally {
    closeSync(file);
  }
}

/**
 * Makes the root key, once. Written aside and linked into place, so that the file is whole or absent, and of two
 * processes that try at once the second one reads the first one's key. The caller must have seen that the database
 * holds no ciphertext: a new key beside old data makes the data unreadable.
 */
export function createRootKey(path: string): Buffer {
  const aside = `${path}.${randomBytes(8).toString('hex')}`;
  writeDurably(aside, randomBytes(KEY_BYTES));
  try {
    linkSync(aside, path);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  } finally {
    unlinkSync(aside);
  }
  const key = readRootKey(path);
  if (key === undefined) throw new CryptoError('key', `${path} vanished while it was made`);
  return key;
}

function writeDurably(path: string, bytes: Buffer): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    fchmodSync(file, 0o600);
    writeSync(file, bytes);
    fsyncSync(file);
  } finally {
    bytes.fill(0);
    closeSync(file);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
