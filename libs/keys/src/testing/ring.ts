import { randomBytes } from 'node:crypto';
import {
  createDataKey,
  CryptoError,
  type CryptoHeader,
  importKey,
  type KeyEncryptionKey,
  type KeyRing,
  type KeyRingHolder,
  openDataKey,
  rewrap,
} from '@stigmer/crypto';
import { failedPrecondition } from '@stigmer/domain';
import { createLogger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import type { KeyedDocuments, LegacyCount, RewrapBatch, Verification } from '../ring/keyed-documents';
import { ManagedKeyRing } from '../ring/managed-key-ring';
import type { Timings } from '../ring/timings';
import type { KeySource } from '../sources/key-source';

/** Keys in memory, as if several replicas shared the place they come from. */
export class MemorySource implements KeySource {
  readonly name = 'memory';
  readonly destroyed: string[] = [];
  private readonly watchers = new Set<() => void>();

  constructor(
    private readonly bytes: Buffer[],
    readonly writable = true,
  ) {}

  load(): Promise<readonly KeyEncryptionKey[]> {
    return Promise.resolve(this.bytes.map((key) => importKey(Buffer.from(key))));
  }

  add(): Promise<KeyEncryptionKey> {
    if (!this.writable) return Promise.reject(failedPrecondition('add the key to the file'));
    const key = randomBytes(32);
    this.bytes.push(key);
    return Promise.resolve(importKey(Buffer.from(key)));
  }

  /** An operator writes a key into the place. */
  put(key: Buffer): void {
    this.bytes.push(key);
    for (const changed of this.watchers) changed();
  }

  async destroy(id: string): Promise<void> {
    if (!this.writable) return;
    this.destroyed.push(id);
    const index = (await this.load()).findIndex((key) => key.id === id);
    if (index >= 0) this.bytes.splice(index, 1);
  }

  watch(changed: () => void): () => void {
    this.watchers.add(changed);
    return () => this.watchers.delete(changed);
  }
}

interface SealedThing {
  readonly _id: string;
  readonly crypto: CryptoHeader;
}

/** The simplest documents that a ring can protect: a data key each, and nothing sealed with it. */
export class Things implements KeyedDocuments {
  /** Values in older forms, as a number alone. */
  legacy = 0;

  constructor(private readonly connection: Connection) {}

  async insert(ring: KeyRing, ids: readonly string[]): Promise<void> {
    await this.rows.insertMany(
      ids.map((id) => ({ _id: id, crypto: createDataKey(ring, placeOf(id)).header })),
    );
  }

  async header(id: string): Promise<CryptoHeader> {
    const thing = await this.rows.findOne({ _id: id });
    if (thing === null) throw new Error(`no thing ${id}`);
    return thing.crypto;
  }

  /** Replaces the header, as a damaged disk would. */
  async damage(id: string): Promise<void> {
    await this.rows.updateOne(
      { _id: id },
      { $set: { 'crypto.commitment': randomBytes(32).toString('base64') } },
    );
  }

  async neededBeyond(known: readonly string[]): Promise<readonly string[]> {
    return [...(await this.countByKey()).keys()].filter((id) => !known.includes(id));
  }

  total(): Promise<number> {
    return this.rows.countDocuments();
  }

  async countByKey(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for await (const { crypto } of this.rows.find())
      counts.set(crypto.kid, (counts.get(crypto.kid) ?? 0) + 1);
    return counts;
  }

  countLegacy(): Promise<LegacyCount> {
    return Promise.resolve({ documents: 0, values: this.legacy, withoutMac: 0 });
  }

  async rewrapBatch(ring: KeyRing, batch: { after: string; limit: number }): Promise<RewrapBatch> {
    const found = await this.rows
      .find({
        _id: { $gt: batch.after },
        'crypto.kid': { $in: ring.ids.filter((id) => id !== ring.active.id) },
      })
      .sort({ _id: 1 })
      .limit(Math.min(batch.limit, SMALL))
      .toArray();
    let rewrapped = 0;
    for (const { _id, crypto } of found) if (await this.rewrapOne(ring, _id, crypto)) rewrapped++;
    const next = found.length < SMALL ? undefined : found.at(-1)?._id;
    return { rewrapped, failed: found.length - rewrapped, next };
  }

  async rewrapFrom(ring: KeyRing, id: string): Promise<number> {
    const found = await this.rows.find({ 'crypto.kid': id }).toArray();
    let rewrapped = 0;
    for (const { _id, crypto } of found) if (await this.rewrapOne(ring, _id, crypto)) rewrapped++;
    return rewrapped;
  }

  async *verify(keys: KeyRingHolder): AsyncIterable<Verification> {
    let checked = 0;
    for await (const { _id: documentId, crypto } of this.rows.find()) {
      checked++;
      yield {
        checked,
        failures: opens(keys.current, documentId, crypto) ? [] : [{ documentId, name: '', reason: 'no' }],
      };
    }
  }

  private async rewrapOne(ring: KeyRing, id: string, crypto: CryptoHeader): Promise<boolean> {
    if (!opens(ring, id, crypto)) return false;
    const expected = { _id: id, 'crypto.wdek': crypto.wdek };
    await this.rows.updateOne(expected, { $set: { crypto: rewrap(ring, placeOf(id), crypto) } });
    return true;
  }

  private get rows() {
    return this.connection.collection<SealedThing>('things');
  }
}

const SMALL = 5;

export function opens(ring: KeyRing, id: string, crypto: CryptoHeader): boolean {
  try {
    openDataKey(ring, placeOf(id), crypto);
    return true;
  } catch (error) {
    if (error instanceof CryptoError) return false;
    throw error;
  }
}

/** Quick to follow; and no replica counts as dead, and no command gives up, because the machine is busy. */
const QUICK: Timings = {
  ...{ pollMs: 50, beatMs: 100, leaseMs: 1_000, missingMs: 200 },
  ...{ staleMs: 120_000, settleMs: 60_000, asideMs: 120_000 },
};

/** A replica of a ring, at a pace that suits a test. */
export function openReplica(parts: {
  readonly connection: Connection;
  readonly source: KeySource;
  readonly documents?: KeyedDocuments;
  readonly identity?: string;
  readonly lines?: string[];
  readonly timings?: Partial<Timings>;
}): Promise<ManagedKeyRing> {
  const { connection, source, documents = new Things(connection), lines = [] } = parts;
  return ManagedKeyRing.open({
    ring: 'environment',
    sources: [source],
    connection,
    documents,
    log: createLogger('keys-spec', 'debug', { write: (line: string) => void lines.push(line) }),
    identity: parts.identity ?? randomBytes(4).toString('hex'),
    timings: { ...QUICK, ...parts.timings },
  });
}

function placeOf(id: string) {
  return { kind: 'thing', org: 'acme', id };
}
