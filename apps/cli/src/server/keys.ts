import { existsSync } from 'node:fs';
import { createRootKey, deriveContextKey, parseKey, readKeyFile } from '@stigmer/crypto';
import type { Layout } from './layout';

/** The keys of one installation as the services read them: base64 of 32 bytes. */
export interface ServiceKeys {
  readonly environment: string;
  readonly context: string;
}

/**
 * The root key is the environments' key itself, since the older forms of ciphertext need it; the contexts' key is
 * derived here, so that the context service never holds the root.
 */
export function serviceKeys(layout: Layout, configured: string | undefined): ServiceKeys {
  const root = configured === undefined ? storedRootKey(layout) : configuredRootKey(configured);
  const context = deriveContextKey(root);
  try {
    return { environment: root.toString('base64'), context: context.toString('base64') };
  } finally {
    root.fill(0);
    context.fill(0);
  }
}

function configuredRootKey(text: string): Buffer {
  try {
    parseKey(text);
  } catch (cause) {
    throw new Error(`STIGMER_ENCRYPTION_KEY: ${(cause as Error).message}`, { cause });
  }
  return Buffer.from(text, 'base64');
}

/** A new key beside old data would make that data unreadable, so a key is only made before the first database is. */
function storedRootKey(layout: Layout): Buffer {
  const stored = readKeyFile(layout.encryptionKey);
  if (stored !== undefined) return stored;
  if (existsSync(layout.data)) {
    throw new Error(
      `${layout.encryptionKey} is missing, but ${layout.data} holds data that was encrypted with it: ` +
        'put the key back, or give it in STIGMER_ENCRYPTION_KEY; to start anew, move the data away',
    );
  }
  return createRootKey(layout.encryptionKey);
}
