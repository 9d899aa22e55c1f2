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
import { dirname } from 'node:path';
import { KEY_BYTES } from './aead';
import { CryptoError, systemErrorCode } from './errors';

const OTHERS = 0o077;

/** Reads a key file: 32 raw bytes in a file that is its owner's alone. `undefined`: no such file. */
export function readKeyFile(path: string): Buffer | undefined {
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
 * Keeps a key in a file, durably, and zeroes the bytes. Written aside and linked into place, so that the file is whole
 * or absent and an existing one is never replaced: false says that there was one already.
 */
export function writeKeyFile(path: string, bytes: Buffer): boolean {
  const aside = `${path}.${randomBytes(8).toString('hex')}`;
  writeDurably(aside, bytes);
  try {
    linkSync(aside, path);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
    return false;
  } finally {
    unlinkSync(aside);
  }
  syncFolder(dirname(path));
  return true;
}

/** Removes a key file for good: after a crash it does not come back. It may be gone already. */
export function removeKeyFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  syncFolder(dirname(path));
}

// A name in a folder is durable only once the folder itself was written.
function syncFolder(path: string): void {
  const folder = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
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
