import { createHash, createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { KEY_BYTES } from './aead';
import { CryptoError } from './errors';

/** A key that wraps data keys. Its id is its fingerprint: safe to store, print and compare. */
export interface KeyEncryptionKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** Takes 32 bytes over as a key and zeroes them: from here on the key lives only in a `KeyObject`, which prints as nothing. */
export function importKey(bytes: Buffer): KeyEncryptionKey {
  if (bytes.length !== KEY_BYTES) {
    throw new CryptoError('key', `an encryption key is ${KEY_BYTES} bytes, this one is ${bytes.length}`);
  }
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return { id: fingerprint(key), key };
}

/** Makes a random key. Its bytes are for the place that keeps them, which zeroes them when it is done. */
export function generateKey(): { readonly key: KeyEncryptionKey; readonly bytes: Buffer } {
  const bytes = randomBytes(KEY_BYTES);
  return { key: importKey(Buffer.from(bytes)), bytes };
}

// The hash of a derived key, never of the key itself: an id tells nothing about what opens the data.
function fingerprint(key: KeyObject): string {
  const derived = Buffer.from(hkdfSync('sha256', key, '', 'id', KEY_BYTES));
  return createHash('sha256').update('kek-id').update(derived).digest().subarray(0, 8).toString('hex');
}

/** Where a service finds its ring of this moment: each request takes it once. */
export interface KeyRingHolder {
  readonly current: KeyRing;
}

/** Whether what was written in a form of before is still opened: one that says less of what it belongs to. */
export type OlderForms = 'read' | 'refuse';

/**
 * The keys a service holds: one active key that wraps, and every key that may still unwrap. A ring never changes;
 * adding, promoting or retiring a key makes another ring, so a request sees one set of keys from start to end.
 */
export class KeyRing {
  readonly #byId: ReadonlyMap<string, KeyEncryptionKey>;

  constructor(
    readonly active: KeyEncryptionKey,
    previous: readonly KeyEncryptionKey[] = [],
    readonly olderForms: OlderForms = 'read',
  ) {
    this.#byId = new Map([active, ...previous].map((key) => [key.id, key]));
  }

  /** The ids of all keys, the active one first. */
  get ids(): readonly string[] {
    return [...this.#byId.keys()];
  }

  get keys(): readonly KeyEncryptionKey[] {
    return [...this.#byId.values()];
  }

  /**
   * Holds the ring against the fingerprint that a database recorded when it was first written. A ring without that
   * key would leave the data unreadable and, worse, go on writing under another key beside it.
   */
  assertHolds(recorded: string): void {
    if (this.#byId.has(recorded)) return;
    throw new CryptoError(
      'key',
      `this database was written with the encryption key ${recorded}, configured: ${this.ids.join(', ')}`,
    );
  }

  /** The key with this id; the error says which key is needed and which ones are here. */
  byId(id: string): KeyEncryptionKey {
    const key = this.#byId.get(id);
    if (key === undefined) {
      throw new CryptoError('key', `needs the encryption key ${id}, configured: ${this.ids.join(', ')}`);
    }
    return key;
  }
}
