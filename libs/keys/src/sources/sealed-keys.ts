import { CryptoError, generateKey, importKey, type KeyEncryptionKey } from '@stigmer/crypto';
import { failedPrecondition, unavailable } from '@stigmer/domain';
import { withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';
import type { KeySource } from './key-source';
import { type KeyWrapper, KeyWrapperError } from './key-wrapper';
import { poll } from './poll';

/** A key as the database has it. `_id` is its fingerprint; `wrapper` is the name of what sealed it. */
export interface SealedKey {
  readonly _id: string;
  readonly ring: string;
  readonly wrapper: string;
  readonly sealed: string;
  readonly created_at: Date;
}

/** A key that answered is not gone with the primary that took it. */
const DURABLE = { writeConcern: { w: 'majority' } } as const;

/**
 * Keys that an external service sealed, in the ring's own database. The service is asked once per key and process, at
 * the start and when a key appears, never for a document: its outage stops starts, not reads.
 */
export class SealedKeys implements KeySource {
  readonly name: string;
  readonly writable = true;
  readonly #keys: mongo.Collection<SealedKey>;
  /** What was unwrapped already: the service is not asked for it again, whatever becomes of the others. */
  readonly #held = new Map<string, KeyEncryptionKey>();
  #loaded: string | undefined;

  constructor(
    private readonly ring: string,
    private readonly wrapper: KeyWrapper,
    connection: Connection,
  ) {
    this.name = wrapper.name;
    this.#keys = connection.collection<SealedKey>('sealed_keys');
  }

  async load(): Promise<readonly KeyEncryptionKey[]> {
    const sealed = await withMongo(() =>
      this.#keys.find(this.ours()).sort({ created_at: 1, _id: 1 }).toArray(),
    );
    for (const id of this.#held.keys()) if (!sealed.some(({ _id }) => _id === id)) this.#held.delete(id);
    const keys = await Promise.all(
      sealed.map(async (key) => {
        const held = this.#held.get(key._id) ?? (await this.unwrap(key));
        this.#held.set(key._id, held);
        return held;
      }),
    );
    this.#loaded = stateOf(sealed);
    return keys;
  }

  async add(): Promise<KeyEncryptionKey> {
    const { key, bytes } = generateKey();
    try {
      const sealed = await this.wrapper.wrap(bytes, { ring: this.ring, kid: key.id });
      // A key that cannot be opened again must never wrap anything.
      await this.unwrap({ _id: key.id, sealed });
      await withMongo(() =>
        this.#keys.insertOne(
          { _id: key.id, ring: this.ring, wrapper: this.wrapper.name, sealed, created_at: new Date() },
          DURABLE,
        ),
      );
      return key;
    } catch (error) {
      throw domainError(error, `a new key could not be sealed`);
    } finally {
      bytes.fill(0);
    }
  }

  async destroy(id: string): Promise<void> {
    await withMongo(() => this.#keys.deleteOne({ _id: id, ...this.ours() }, DURABLE));
  }

  watch(changed: () => void): () => void {
    return poll(async () => {
      const ids = this.#keys.find(this.ours()).project<{ readonly _id: string }>({ _id: 1 });
      return stateOf(await ids.toArray()) !== this.#loaded;
    }, changed);
  }

  /** Another wrapper's keys are another source's. */
  private ours() {
    return { ring: this.ring, wrapper: this.wrapper.name };
  }

  private async unwrap({ _id: kid, sealed }: Pick<SealedKey, '_id' | 'sealed'>): Promise<KeyEncryptionKey> {
    try {
      const key = importKey(await this.wrapper.unwrap(sealed, { ring: this.ring, kid }));
      if (key.id !== kid) throw new CryptoError('forged', `what was sealed is the key ${key.id}`);
      return key;
    } catch (error) {
      throw domainError(error, `the encryption key ${kid} could not be unwrapped`);
    }
  }
}

function domainError(error: unknown, what: string): unknown {
  if (error instanceof KeyWrapperError) {
    const kind = error.failure === 'unavailable' ? unavailable : failedPrecondition;
    return kind(`${what} (${error.failure}): ${error.message}`, [], { cause: error });
  }
  return error instanceof CryptoError
    ? failedPrecondition(`${what}: ${error.message}`, [], { cause: error })
    : error;
}

function stateOf(keys: readonly Pick<SealedKey, '_id'>[]): string {
  return keys
    .map(({ _id }) => _id)
    .sort()
    .join();
}
