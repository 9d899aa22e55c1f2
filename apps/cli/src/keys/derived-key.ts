import { CryptoError, deriveContextKey, importKey, readKeyFile } from '@stigmer/crypto';
import { layoutOf } from '../server/layout';

/**
 * The id of the context ring's key that was derived from an environment ring's key, if that one is the root key of the
 * installation in this home; no byte of either leaves this function.
 */
export function derivedContextKey(home: string, environmentKey: string): string | undefined {
  const root = rootKey(home);
  if (root === undefined) return undefined;
  const derived = importKey(deriveContextKey(root)).id;
  return importKey(root).id === environmentKey ? derived : undefined;
}

/** Undefined too where it cannot be used: `server start` is who says so. */
function rootKey(home: string): Buffer | undefined {
  try {
    return readKeyFile(layoutOf(home).encryptionKey);
  } catch (error) {
    if (error instanceof CryptoError || (error instanceof Error && 'code' in error)) return undefined;
    throw error;
  }
}
