import { createSecretKey, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { KEY_BYTES } from './aead';
import { decodeBase64 } from './base64';
import { CryptoError, systemErrorCode } from './errors';
import { importKey, KeyRing, type KeyEncryptionKey } from './key-ring';

/** Variables as a process sees them. */
export type Variables = Readonly<Record<string, string | undefined>>;

const CONTEXT_KEY_INFO = 'stigmer/context/v1';

/**
 * Reads a key ring from `NAME` or `NAME_FILE` (the active key) and `NAME_PREVIOUS` or `NAME_PREVIOUS_FILE` (keys
 * that only unwrap, separated by commas or white space). Keys are base64 of exactly 32 bytes. A missing key is an
 * error, never a reason to make one up: what the database holds would become unreadable.
 */
export function readKeyRing(name: string, variables: Variables): KeyRing {
  const active = readVariable(name, variables);
  if (active === undefined) {
    throw new CryptoError('key', `${name} or ${name}_FILE must hold the encryption key (base64 of 32 bytes)`);
  }
  const previous = readVariable(`${name}_PREVIOUS`, variables) ?? '';
  const previousKeys = previous.split(/[\s,]+/).filter((text) => text !== '');
  return new KeyRing(
    parseKey(name, active),
    previousKeys.map((text) => parseKey(`${name}_PREVIOUS`, text)),
  );
}

/** Parses one base64 key; `name` is where it came from, and all that an error tells. */
export function parseKey(name: string, text: string): KeyEncryptionKey {
  try {
    return importKey(decodeBase64(text));
  } catch (error) {
    if (error instanceof CryptoError)
      throw new CryptoError('key', `${name} must be base64 of exactly 32 bytes`);
    throw error;
  }
}

/**
 * Derives the key of execution contexts from the root key of a local installation, as 32 bytes for the context
 * service's key file. That service never holds the root, and the derived key opens no environment.
 */
export function deriveContextKey(root: Uint8Array): Buffer {
  if (root.length !== KEY_BYTES) throw new CryptoError('key', `a root key is ${KEY_BYTES} bytes`);
  return Buffer.from(hkdfSync('sha256', createSecretKey(root), '', CONTEXT_KEY_INFO, KEY_BYTES));
}

function readVariable(name: string, variables: Variables): string | undefined {
  const direct = variables[name];
  const file = variables[`${name}_FILE`];
  if (direct && file) throw new CryptoError('key', `set ${name} or ${name}_FILE, not both`);
  const text = file ? readKeyFile(`${name}_FILE`, file) : direct;
  return text?.trim() || undefined;
}

function readKeyFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CryptoError(
      'key',
      `${name}: cannot read ${path} (${systemErrorCode(error) ?? 'unknown error'})`,
    );
  }
}
