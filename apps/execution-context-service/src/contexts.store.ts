import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ApiResourceMetadataSchema } from '@stigmer/proto/commons/apiresource/metadata';
import { Batcher, isDuplicate, withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';
import type { ContextDocument, Origin } from './context-document';
import type { Clock } from './epoch';
import { EPOCH_KEY_PREFIX } from './epoch-key';

/** The document as BSON holds it: metadata as bytes, since clients choose the names of labels. */
type Row = Omit<ContextDocument, 'metadata'> & { readonly metadata: Buffer };

type HalfDestroyed = Omit<Row, 'crypto'> & { readonly crypto?: undefined };

/** What may be known of a context without its blob. */
export type ContextSummary = Pick<ContextDocument, '_id' | 'execution_id' | 'org' | 'created' | 'expires_at'>;

const INDEXES: mongo.IndexDescription[] = [
  { key: { execution_id: 1, origin: 1 }, unique: true },
  { key: { org: 1, slug: 1, origin: 1 }, unique: true },
  // The database removes what is expired within a minute or so; nothing here serves it in the meantime.
  { key: { expires_at: 1 }, expireAfterSeconds: 0 },
  // Whether a key is still needed. What is half destroyed needs none.
  { key: { 'crypto.kid': 1 }, sparse: true },
];

const WITHOUT_EPOCH = { $exists: true, $not: new RegExp(`^${EPOCH_KEY_PREFIX}`) };

/** A context is a few thousand bytes, and may be 4 MiB: so many are in memory at once for one question. */
const CONTEXTS_AT_ONCE = 8;

const MAJORITY = { writeConcern: { w: 'majority' } } as const;

/**
 * Contexts in MongoDB, sealed. Never cached: a copy elsewhere would outlive the run. By the driver itself: a context is
 * written once and read once, so whatever is done to a document on its way is done to every single one.
 */
export class ContextStore {
  private readonly rows: mongo.Collection<Row>;
  private readonly questions = { run: this.questionsAbout('run'), gateway: this.questionsAbout('gateway') };

  constructor(
    connection: Connection,
    private readonly clock: Clock,
  ) {
    this.rows = connection.getClient().db(connection.name).collection('contexts');
  }

  /** Creates the indexes. Uniqueness rests on them, so nothing is served before. */
  async prepare(): Promise<void> {
    await withMongo(() => this.rows.createIndexes(INDEXES));
  }

  /** Adds a context; false when its id, its slug or its execution id is taken by one that lives. */
  async insert(document: ContextDocument): Promise<boolean> {
    for (;;) {
      const inserted = await unlessTaken(async () => {
        await this.rows.insertOne(toRow(document));
        return true;
      });
      if (inserted) return true;
      if (!(await this.removeDead(document))) return false;
    }
  }

  /** Replaces a context, if it still has the version that the change was made from; false also when a name is taken. */
  async replace(document: ContextDocument, expectedVersion: string): Promise<boolean> {
    const filter = { _id: document._id, 'version.id': expectedVersion, ...this.alive() };
    return unlessTaken(async () => (await this.rows.replaceOne(filter, toRow(document))).matchedCount === 1);
  }

  /**
   * Puts another expiry, data key and blob in place of those that were read; false when another write or a destruction
   * came first. So a destroyed data key never comes back.
   */
  async update(before: ContextDocument, after: ContextDocument): Promise<boolean> {
    const filter = { _id: before._id, 'crypto.wdek': before.crypto.wdek, ...this.alive() };
    const { crypto, expires_at, sealed } = after;
    const change = { crypto, expires_at, ...(sealed === before.sealed ? {} : { sealed }) };
    const { matchedCount } = await withMongo(() => this.rows.updateOne(filter, { $set: change }));
    return matchedCount === 1;
  }

  /**
   * Destroys a context, or what an interrupted destruction left of it; false when there was none. The data key goes
   * first, on a majority of the replicas: should the deletion be lost, or a backup be taken now, nothing opens it.
   */
  async destroy(executionId: string, origin: Origin): Promise<boolean> {
    const filter = { execution_id: executionId, origin };
    return withMongo(async () => {
      const { matchedCount } = await this.rows.updateOne(filter, { $unset: { crypto: 1 } }, MAJORITY);
      if (matchedCount === 0) return false;
      await this.rows.deleteOne(filter, MAJORITY);
      return true;
    });
  }

  async findByExecution(executionId: string, origin: Origin): Promise<ContextDocument | undefined> {
    const { found } = await this.questions[origin].load([executionId]);
    const row = found.get(executionId);
    return row === undefined || !this.isAlive(row) ? undefined : fromRow(row);
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
    const projection = { execution_id: 1, org: 1, created: 1, expires_at: 1 } as const;
    return withMongo(() =>
      this.rows.find<ContextSummary>(filter, { projection }).sort({ _id: 1 }).limit(size).toArray(),
    );
  }

  /** Whether there is a context whose data key this key has wrapped. */
  async anyUnder(kid: string): Promise<boolean> {
    const found = await withMongo(() => this.rows.findOne({ 'crypto.kid': kid }, { projection: { _id: 1 } }));
    return found !== null;
  }

  /** How many contexts live. */
  async countLiving(): Promise<number> {
    return withMongo(() => this.rows.countDocuments(this.alive()));
  }

  /** The contexts that live, a page at a time in the order of their ids. */
  async living(after: string, size: number): Promise<readonly ContextDocument[]> {
    return this.pageOf({ ...this.alive(), _id: { $gt: after } }, size);
  }

  /** How many contexts each key of the ring itself has wrapped: those of before there were epochs. */
  async countWithoutEpoch(): Promise<ReadonlyMap<string, number>> {
    const stages = [
      { $match: { 'crypto.kid': WITHOUT_EPOCH } },
      { $group: { _id: '$crypto.kid', count: { $sum: 1 } } },
    ];
    const groups = await withMongo(() =>
      this.rows.aggregate<{ readonly _id: string; readonly count: number }>(stages).toArray(),
    );
    return new Map(groups.map(({ _id, count }) => [_id, count]));
  }

  /** Those among them that another key than this one has wrapped. */
  async withoutEpoch(exceptUnder: string, after: string, size: number): Promise<readonly ContextDocument[]> {
    const kid = { ...WITHOUT_EPOCH, $ne: exceptUnder };
    return this.pageOf({ 'crypto.kid': kid, _id: { $gt: after } }, size);
  }

  /** What is asked at the same time is one question. Each answer is of after its call, so nothing is served late. */
  private questionsAbout(origin: Origin): Batcher<Row> {
    const ask = async (keys: readonly string[]) => {
      const filter = { execution_id: { $in: [...keys] }, origin };
      const rows = await withMongo(() => this.rows.find(filter).toArray());
      return new Map(rows.map((row) => [row.execution_id, row]));
    };
    return new Batcher(ask, () => performance.now(), CONTEXTS_AT_ONCE);
  }

  private async pageOf(filter: mongo.Filter<Row>, size: number): Promise<readonly ContextDocument[]> {
    const rows = await withMongo(() => this.rows.find(filter).sort({ _id: 1 }).limit(size).toArray());
    return rows.map(fromRow);
  }

  private async findOne(filter: mongo.Filter<Row>): Promise<ContextDocument | undefined> {
    const row = await withMongo(() => this.rows.findOne(filter));
    return row === null || !this.isAlive(row) ? undefined : fromRow(row);
  }

  /** As `alive` says, of what was found by a unique index: the database need not look at the document itself. */
  private isAlive({ expires_at, crypto }: Row | HalfDestroyed): boolean {
    return crypto !== undefined && expires_at.getTime() > this.clock();
  }

  /** Removes what holds this document's place and is expired or destroyed, without waiting for the database. */
  private async removeDead({ _id, execution_id, origin, org, slug }: ContextDocument): Promise<boolean> {
    const rivals = [{ _id }, { execution_id, origin }, { org, slug, origin }];
    const dead = [{ expires_at: { $lte: new Date(this.clock()) } }, { crypto: { $exists: false } }];
    const filter = { $and: [{ $or: rivals }, { $or: dead }] };
    const { deletedCount } = await withMongo(() => this.rows.deleteMany(filter));
    return deletedCount > 0;
  }

  /** Neither expired nor destroyed: all that anyone is ever served. */
  private alive() {
    return { expires_at: { $gt: new Date(this.clock()) }, crypto: { $exists: true } };
  }
}

async function unlessTaken(write: () => Promise<boolean>): Promise<boolean> {
  try {
    return await withMongo(write);
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
