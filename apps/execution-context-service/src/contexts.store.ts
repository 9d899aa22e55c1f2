import type { CryptoHeader } from '@stigmer/crypto';
import { type Connection, type Model, mongo, type QueryFilter, Schema } from 'mongoose';
import type { ContextDocument } from './context-document';
import { isDuplicate, withMongo } from './mongo';

/** Bytes come back from the driver wrapped in its own type. */
type Row = Omit<ContextDocument, 'sealed' | 'metadata'> & {
  readonly sealed: mongo.Binary;
  readonly metadata?: mongo.Binary;
};

/** A context, as far as anyone may know it who does not open it. */
export type ContextSummary = Pick<ContextDocument, '_id' | 'execution_id' | 'org' | 'created_at' | 'expires_at'>;

/** A new wrapping of the same data key, and the lease that is bound into it. */
export interface Lease {
  readonly expires_at: Date;
  readonly crypto: CryptoHeader;
}

const fields = {
  _id: String,
  execution_id: String,
  org: String,
  slug: String,
  created_at: Date,
  expires_at: Date,
  crypto: new Schema({ v: Number, kid: String, wdek: String, commitment: String }, { _id: false }),
  sealed: Buffer,
  metadata: Buffer,
};
const MAJORITY = { w: 'majority' } as const;
const SUMMARY = { _id: 1, execution_id: 1, org: 1, created_at: 1, expires_at: 1 } as const;

/** One collection of sealed contexts in MongoDB. */
export class ContextStore {
  private readonly model: Model<Row>;

  constructor(connection: Connection, collection: string) {
    const schema = new Schema(fields, { versionKey: false, strict: 'throw', collection })
      .index({ execution_id: 1 }, { unique: true })
      .index({ org: 1, slug: 1 }, { unique: true })
      .index({ expires_at: 1 }, { expireAfterSeconds: 0 });
    this.model = connection.model<Row>(collection, schema as unknown as Schema<Row>);
  }

  /** Creates the collection and its indexes: uniqueness and expiry rest on them, so nothing is served before. */
  async prepare(): Promise<void> {
    await withMongo(async () => {
      await this.model.createCollection();
      await this.model.createIndexes();
    });
  }

  /** Adds a context; false when its id, its execution or its slug has one already. */
  async insert(document: ContextDocument): Promise<boolean> {
    try {
      await withMongo(() => this.model.create([document as unknown as Row], { writeConcern: MAJORITY }));
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }

  async findById(id: string): Promise<ContextDocument | undefined> {
    return this.findOne({ _id: id });
  }

  async findBySlug(org: string, slug: string): Promise<ContextDocument | undefined> {
    return this.findOne({ org, slug });
  }

  async findByExecution(executionId: string): Promise<ContextDocument | undefined> {
    return this.findOne({ execution_id: executionId });
  }

  /** Puts a new lease in the place of the old one; false when that one is not in force any more. */
  async renew(id: string, from: Lease, to: Lease): Promise<boolean> {
    const filter = { _id: id, expires_at: from.expires_at, 'crypto.wdek': from.crypto.wdek };
    const { matchedCount } = await withMongo(() => this.model.updateOne(filter, { $set: to }));
    return matchedCount === 1;
  }

  /**
   * Destroys the context. The wrapped key goes first, and from a majority of the members: whatever happens to the
   * document after that, in an oplog, a backup or a member that comes back, the key is not there to open it.
   */
  async destroy(id: string): Promise<void> {
    await withMongo(async () => {
      await this.model.updateOne({ _id: id }, { $unset: { crypto: 1 } }, { writeConcern: MAJORITY });
      await this.model.deleteOne({ _id: id }, { writeConcern: MAJORITY });
    });
  }

  /** Names and times of the contexts made before a moment, in the order of their ids, after the id `after`. */
  async page(before: Date, size: number, after: string): Promise<readonly ContextSummary[]> {
    const filter = { _id: { $gt: after }, created_at: { $lt: before } };
    return withMongo(() =>
      this.model.find(filter).sort({ _id: 1 }).limit(size).select(SUMMARY).lean<ContextSummary[]>(),
    );
  }

  private async findOne(filter: QueryFilter<Row>): Promise<ContextDocument | undefined> {
    const row = await withMongo(() => this.model.findOne(filter).lean<Row>());
    if (row === null) return undefined;
    const { sealed, metadata, ...columns } = row;
    return {
      ...columns,
      sealed: Buffer.from(sealed.buffer),
      ...(metadata === undefined ? {} : { metadata: Buffer.from(metadata.buffer) }),
    };
  }
}
