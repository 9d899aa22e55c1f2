import type { OnModuleDestroy } from '@nestjs/common';
import { alreadyExists } from '@stigmer/domain';
import { isDuplicate, withMongo } from '@stigmer/mongo';
import { type Connection, type Model, type QueryFilter, Schema } from 'mongoose';
import { type EnvironmentDocument, storedBytes, type StoredVariable } from './environment-document';

/** The document as mongoose reads it back: BSON knows no maps, so they come as plain objects. */
type Row = Omit<EnvironmentDocument, 'data' | 'labels' | 'annotations'> & {
  readonly data: Readonly<Record<string, StoredVariable>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

const { Mixed } = Schema.Types;
const stamp = new Schema({ by: String, at: Date }, { _id: false });
const schema = new Schema(
  {
    _id: String,
    org: String,
    slug: String,
    name: String,
    owner_scope: Number,
    labels: Mixed,
    annotations: Mixed,
    tags: [String],
    description: String,
    data: Mixed,
    crypto: new Schema({ v: Number, kid: String, wdek: String, commitment: String }, { _id: false }),
    version: new Schema({ id: String, message: String, previous: String }, { _id: false, id: false }),
    created: stamp,
    updated: stamp,
  },
  { versionKey: false, minimize: false, strict: 'throw', collection: 'environments' },
)
  .index({ org: 1, slug: 1 }, { unique: true })
  .index({ 'crypto.kid': 1 });

/** A page is cut at this many bytes of values, so that a listing always fits into one message. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** Which documents a batch looks for: any of these ids or slugs, within one organization. */
export interface Wanted {
  readonly org: string;
  readonly ids: readonly string[];
  readonly slugs: readonly string[];
}

/**
 * Environments in MongoDB. Ciphertext only: whoever calls has sealed what is secret, and nothing in here could open it.
 * Each change replaces the whole document and names the version it was made from, so that a header, its values and
 * its version never come from two different writes.
 */
export class EnvironmentStore implements OnModuleDestroy {
  private readonly model: Model<Row>;

  constructor(private readonly connection: Connection) {
    this.model = connection.model<Row>('Environment', schema as unknown as Schema<Row>);
  }

  /** Creates the collection and its indexes. Uniqueness rests on them, so nothing is served before. */
  async prepare(): Promise<void> {
    await withMongo(async () => {
      await this.model.createCollection();
      await this.model.createIndexes();
    });
  }

  /** Adds an environment; ALREADY_EXISTS when its id or its org and slug are taken. */
  async insert(document: EnvironmentDocument): Promise<void> {
    await this.unlessTaken(document, () => this.model.create([toRow(document)]));
  }

  /** Replaces the environment, if it still has the version that the change was made from. */
  async replace(document: EnvironmentDocument, expectedVersion: string): Promise<boolean> {
    const filter = { _id: document._id, 'version.id': expectedVersion };
    const { matchedCount } = await this.unlessTaken(document, () =>
      this.model.replaceOne(filter, toRow(document)),
    );
    return matchedCount === 1;
  }

  /** Removes the environment; undefined when it was not there any more. */
  async remove(id: string): Promise<EnvironmentDocument | undefined> {
    const row = await withMongo(() => this.model.findOneAndDelete({ _id: id }).lean<Row>());
    return row === null ? undefined : fromRow(row);
  }

  async findById(id: string): Promise<EnvironmentDocument | undefined> {
    return this.findOne({ _id: id });
  }

  async findBySlug(org: string, slug: string): Promise<EnvironmentDocument | undefined> {
    return this.findOne({ org, slug });
  }

  /** All environments that a batch of references may mean, in one query. */
  async findAny({ org, ids, slugs }: Wanted): Promise<readonly EnvironmentDocument[]> {
    const filter = { org, $or: [{ _id: { $in: [...ids] } }, { slug: { $in: [...slugs] } }] };
    const rows = await withMongo(() => this.model.find(filter).lean<Row[]>());
    return rows.map(fromRow);
  }

  /** One page of an organization's environments in the order of their ids, after the id `after`. */
  async page(
    org: string,
    size: number,
    after: string,
  ): Promise<{
    readonly items: readonly EnvironmentDocument[];
    readonly more: boolean;
    readonly total: number;
  }> {
    return withMongo(async () => {
      const items: EnvironmentDocument[] = [];
      let bytes = 0;
      const cursor = this.model
        .find({ org, _id: { $gt: after } })
        .sort({ _id: 1 })
        .limit(size + 1)
        .batchSize(20)
        .lean<Row>()
        .cursor();
      let more = false;
      for await (const row of cursor as AsyncIterable<Row>) {
        more = items.length === size || bytes > PAGE_BYTES;
        if (more) break;
        const document = fromRow(row);
        items.push(document);
        bytes += storedBytes(document);
      }
      return { items, more, total: await this.model.countDocuments({ org }) };
    });
  }

  /** The ids of the key-encryption keys that stored environments need. */
  async keysInUse(): Promise<readonly string[]> {
    const ids = await withMongo(() => this.model.distinct('crypto.kid'));
    return ids.filter((id): id is string => typeof id === 'string');
  }

  async onModuleDestroy(): Promise<void> {
    await this.connection.close();
  }

  private async findOne(filter: QueryFilter<Row>): Promise<EnvironmentDocument | undefined> {
    const row = await withMongo(() => this.model.findOne(filter).lean<Row>());
    return row === null ? undefined : fromRow(row);
  }

  private async unlessTaken<T>({ org, slug, _id }: EnvironmentDocument, write: () => Promise<T>): Promise<T> {
    try {
      return await withMongo(write);
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      const { _id: byId } = (error['keyPattern'] ?? {}) as Readonly<Record<string, unknown>>;
      throw alreadyExists(`Environment already exists: ${byId === undefined ? `${org}/${slug}` : _id}`);
    }
  }
}

// Written as Maps, which BSON stores under exactly these keys whatever they are called.
function toRow(document: EnvironmentDocument): Row {
  return document as unknown as Row;
}

function fromRow(row: Row): EnvironmentDocument {
  return {
    ...row,
    data: new Map(Object.entries(row.data)),
    labels: new Map(Object.entries(row.labels)),
    annotations: new Map(Object.entries(row.annotations)),
  };
}
