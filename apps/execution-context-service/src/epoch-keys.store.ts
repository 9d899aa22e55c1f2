import type { CryptoHeader } from '@stigmer/crypto';
import { isDuplicate, withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';
import { type EpochKeyDocument, epochKeyId } from './epoch-key';

/** What is left of a key that was destroyed, until its deadline would have come: it is never taken back. */
interface DestroyedKey {
  readonly _id: string;
  readonly deadline: Date;
}

/** A document whose destruction was interrupted has no wrapped key. */
type Row = Omit<EpochKeyDocument, 'crypto'> & Partial<Pick<EpochKeyDocument, 'crypto'>>;

const MAJORITY = { writeConcern: { w: 'majority' } } as const;
/** A key that a failover could still take back must seal nothing. */
const OF_THE_MAJORITY = { readConcern: { level: 'majority' } } as const;
/** Where no replica runs to do it, the database itself removes what is past its deadline. */
const UNATTENDED_SECONDS = 600;

/** The keys of epochs in MongoDB, wrapped, one for each epoch. */
export class EpochKeyStore {
  private readonly keys: mongo.Collection<Row>;
  private readonly destroyed: mongo.Collection<DestroyedKey>;

  constructor(connection: Connection) {
    const database = connection.getClient().db(connection.name);
    this.keys = database.collection('epoch_keys');
    this.destroyed = database.collection('destroyed_epoch_keys');
  }

  /** Creates the indexes by which the database forgets. */
  async prepare(): Promise<void> {
    await withMongo(async () => {
      for (const collection of [this.keys, this.destroyed]) {
        await collection.createIndexes([{ key: { deadline: 1 }, expireAfterSeconds: UNATTENDED_SECONDS }]);
      }
    });
  }

  /** Every key that was not destroyed, oldest first. */
  async list(): Promise<readonly EpochKeyDocument[]> {
    return withMongo(async () => {
      const rows = await this.keys.find({}, OF_THE_MAJORITY).sort({ _id: 1 }).toArray();
      const sealed = rows.filter(isWhole);
      const destroyed = await this.among(sealed.map(epochKeyId));
      return sealed.filter((document) => !destroyed.has(epochKeyId(document)));
    });
  }

  /** Adds an epoch's key, unless another replica was faster. */
  async insert(document: EpochKeyDocument): Promise<void> {
    try {
      await withMongo(() => this.keys.insertOne({ ...document }, MAJORITY));
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
  }

  /** Puts the same key, wrapped anew, in place of the one that was read; false when another replica was faster. */
  async rewrapped({ _id, crypto }: EpochKeyDocument, header: CryptoHeader): Promise<boolean> {
    const filter = { _id, 'crypto.wdek': crypto.wdek };
    const { matchedCount } = await withMongo(() =>
      this.keys.updateOne(filter, { $set: { crypto: header } }, MAJORITY),
    );
    return matchedCount === 1;
  }

  /**
   * Destroys a key: first it is known as destroyed, then the wrapped key goes, each on a majority of the replicas, and
   * the document last. A copy that is put back is destroyed again, and opens nothing in the meantime.
   */
  async destroy(document: EpochKeyDocument): Promise<void> {
    const { _id, deadline, crypto } = document;
    const tombstone = { _id: epochKeyId(document) };
    await withMongo(async () => {
      await this.destroyed.updateOne(tombstone, { $set: { deadline } }, { upsert: true, ...MAJORITY });
      const same = { _id, 'crypto.commitment': crypto.commitment };
      await this.keys.updateOne(same, { $unset: { crypto: 1 } }, MAJORITY);
    });
    await this.finish();
  }

  /** Removes what interrupted destructions left, and what was put back after one. */
  async finish(): Promise<void> {
    await withMongo(async () => {
      await this.keys.deleteMany({ crypto: { $exists: false } }, MAJORITY);
      const rows = (await this.keys.find().toArray()).filter(isWhole);
      const destroyed = await this.among(rows.map(epochKeyId));
      for (const { _id, crypto } of rows.filter((row) => destroyed.has(epochKeyId(row)))) {
        await this.keys.deleteOne({ _id, 'crypto.commitment': crypto.commitment }, MAJORITY);
      }
    });
  }

  private async among(ids: readonly string[]): Promise<ReadonlySet<string>> {
    if (ids.length === 0) return new Set();
    const found = await this.destroyed.find({ _id: { $in: [...ids] } }, OF_THE_MAJORITY).toArray();
    return new Set(found.map(({ _id }) => _id));
  }
}

function isWhole(row: Row): row is EpochKeyDocument {
  return row.crypto !== undefined;
}
