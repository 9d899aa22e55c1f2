import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { OnModuleDestroy } from '@nestjs/common';
import type { CryptoHeader } from '@stigmer/crypto';
import { ApiResourceMetadataSchema } from '@stigmer/proto/commons/apiresource/metadata';
import { isDuplicate, withMongo } from '@stigmer/mongo';
import { type Connection, type Model, type QueryFilter, Schema } from 'mongoose';
import type { ContextDocument, Origin } from './context-document';

/** The document as BSON holds it: metadata as bytes, since clients choose the names of labels. */
type Row = Omit<ContextDocument, 'metadata'> & { readonly metadata: Buffer };

/** What may be known of a context without its blob. */
export type ContextSummary = Pick<ContextDocument, '_id' | 'execution_id' | 'org' | 'created' | 'expires_at'>;

const stamp = new Schema({ by: String, at: Date }, { _id: false });
const schema = new Schema(
  {
    _id: String,
    execution_id: String,
    origin: String,
    org: String,
    slug: String,
    metadata: Buffer,
    version: new Schema({ id: String, message: String, previous: String }, { _id: false, id: false }),
    created: stamp,
    updated: stamp,
    expires_at: Date,
    crypto: new Schema({ v: Number, kid: String, wdek: String, commitment: String }, { _id: false }),
    sealed: Buffer,
  },
  { versionKey: false, strict: 'throw', collection: 'contexts' },
)
  .index({ execution_id: 1, origin: 1 }, { unique: true })
  .index({ org: 1, slug: 1, origin: 1 }, { unique: true })
  // The database removes what is expired within a minute or so; nothing here serves it in the meantime.
  .index({ expires_at: 1 }, { expireAfterSeconds: 0 });

const MAJORITY = { w: 'majority' } as const;

/** Contexts in MongoDB, sealed. Never cached: a copy elsewhere would outlive the run. */
export class ContextStore implements OnModuleDestroy {
  private readonly model: Model<Row>;

  constructor(private readonly connection: Connection) {
    this.model = connection.model<Row>('Context', schema as unknown as Schema<Row>);
  }

  /** Creates the collection and its indexes. Uniqueness rests on them, so nothing is served before. */
  async prepare(): Promise<void> {
    await withMongo(async () => {
      await this.model.createCollection();
      await this.model.createIndexes();
    });
  }

  /** Adds a context; false when its id, its slug or its execution id is taken by one that lives. */
  async insert(document: ContextDocument): Promise<boolean> {
    for (;;) {
      if (await unlessTaken(() => this.model.create([toRow(document)]))) return true;
      if (!(await this.removeDead(document))) return false;
    }
  }

  /** Replaces a context, if it still has the version that the change was made from; false also when a name is taken. */
  async replace(document: ContextDocument, expectedVersion: string): Promise<boolean> {
    const filter = { _id: document._id, 'version.id': expectedVersion, ...alive() };
    return unlessTaken(() => this.model.replaceOne(filter, toRow(document)));
  }

  /**
   * Puts a later expiry and the data key wrapped for it in place of those that were read; false when a renewal or a
   * destruction came first. So a destroyed data key never comes back.
   */
  async renew({ _id, crypto }: ContextDocument, header: CryptoHeader, expiresAt: Date): Promise<boolean> {
    const filter = { _id, 'crypto.wdek': crypto.wdek, ...alive() };
    const change = { $set: { crypto: header, expires_at: expiresAt } };
    const { matchedCount } = await withMongo(() => this.model.updateOne(filter, change));
    return matchedCount === 1;
  }

  /**
   * Destroys a context, or what an interrupted destruction left of it; false when there was none. The data key goes
   * first, on a majority of the replicas: should the deletion be lost, or a backup be taken now, nothing opens it.
   */
  async destroy(executionId: string, origin: Origin): Promise<boolean> {
    const filter = { execution_id: executionId, origin };
    return withMongo(async () => {
      const withoutKey = { $unset: { crypto: 1 } };
      const { matchedCount } = await this.model.updateOne(filter, withoutKey, { writeConcern: MAJORITY });
      if (matchedCount === 0) return false;
      await this.model.deleteOne(filter, { writeConcern: MAJORITY });
      return true;
    });
  }

  async findByExecution(executionId: string, origin: Origin): Promise<ContextDocument | undefined> {
    return this.findOne({ execution_id: executionId, origin });
  }

  async findById(id: string): Promise<ContextDocument | undefined> {
    return this.findOne({ _id: id });
  }

  async findBySlug(org: string, slug: string, origin: Origin): Promise<ContextDocument | undefined> {
    return this.findOne({ org, slug, origin });
  }

  /** One page of the contexts of runs, oldest first; the expired and the half destroyed too, for the sweep to finish. */
  async page(createdBefore: Date, size: number, after: string): Promise<readonly ContextSummary[]> {
    const filter = { origin: 'run' as const, 'created.at': { $lt: createdBefore }, _id: { $gt: after } };
    const columns = { execution_id: 1, org: 1, created: 1, expires_at: 1 } as const;
    return withMongo(() =>
      this.model.find(filter, columns).sort({ _id: 1 }).limit(size).lean<ContextSummary[]>(),
    );
  }

  async onModuleDestroy(): Promise<void> {
    await this.connection.close();
  }

  private async findOne(filter: QueryFilter<Row>): Promise<ContextDocument | undefined> {
    const row = await withMongo(() => this.model.findOne({ ...filter, ...alive() }).lean<Row>());
    return row === null ? undefined : fromRow(row);
  }

  /** Removes what holds this document's place and is expired or destroyed, without waiting for the database. */
  private async removeDead({ _id, execution_id, origin, org, slug }: ContextDocument): Promise<boolean> {
    const rivals = [{ _id }, { execution_id, origin }, { org, slug, origin }];
    const dead = [{ expires_at: { $lte: new Date() } }, { crypto: { $exists: false } }];
    const filter = { $and: [{ $or: rivals }, { $or: dead }] };
    const { deletedCount } = await withMongo(() => this.model.deleteMany(filter));
    return deletedCount > 0;
  }
}

/** Neither expired nor destroyed: all that anyone is ever served. */
function alive() {
  return { expires_at: { $gt: new Date() }, crypto: { $exists: true } };
}

async function unlessTaken(
  write: () => Promise<readonly unknown[] | { readonly matchedCount: number }>,
): Promise<boolean> {
  try {
    const written = await withMongo(write);
    return !('matchedCount' in written) || written.matchedCount === 1;
  } catch (error) {
    if (isDuplicate(error)) return false;
    throw error;
  }
}

function toRow(document: ContextDocument): Row {
  return { ...document, metadata: Buffer.from(toBinary(ApiResourceMetadataSchema, document.metadata)) };
}

function fromRow(row: Row): ContextDocument {
  return { ...row, metadata: fromBinary(ApiResourceMetadataSchema, row.metadata) };
}
