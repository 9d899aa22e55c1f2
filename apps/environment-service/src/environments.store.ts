import { HEADER_VERSION } from '@stigmer/crypto';
import { alreadyExists } from '@stigmer/domain';
import { isDuplicate, withMongo } from '@stigmer/mongo';
import { type Connection, mongo } from 'mongoose';
import { contentOf, type EnvironmentDocument, storedBytes } from './environment-document';
import {
  type EnvironmentRow,
  type Extent,
  fromRow,
  NO_DATA,
  projectionOf,
  tagField,
  toTags,
} from './environment-row';
import { outgoingRow, REVISIONS } from './revisions.store';

type Rows = mongo.Collection<EnvironmentRow>;
type Tables = Record<string, mongo.Document & { _id: string }>;

const ENVIRONMENTS = 'environments';
const MAJORITY = { writeConcern: { w: 'majority' } } as const;

/** A page is cut at this many bytes of values, so that a listing always fits into one message. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** A listing counts so far and no further: to count a million would take longer than to show a page of them. */
const COUNTED = 10_000;
const BY_ORG = { org: 1, _id: 1 } as const;

/** Which documents a batch looks for: any of these ids or slugs, within one organization. */
export interface Wanted {
  readonly org: string;
  readonly ids: readonly string[];
  readonly slugs: readonly string[];
}

/**
 * Environments in MongoDB. Ciphertext only: whoever calls has sealed what is secret, and nothing in here could open it.
 * Each change writes all of the document and names the version it was made from, so that a header, its values and
 * its version never come from two different writes.
 */
export class EnvironmentStore {
  private readonly client: mongo.MongoClient;
  private readonly rows: Rows;

  /** `changed` is told of every write that may have changed an environment, also where nobody knows whether it did. */
  constructor(
    private readonly connection: Connection,
    private readonly changed: (environment: EnvironmentDocument) => void = () => undefined,
  ) {
    // The driver itself: mongoose would copy and cast each document of 50 variables field by field.
    this.client = connection.getClient();
    this.rows = this.client.db(connection.name).collection<EnvironmentRow>(ENVIRONMENTS);
  }

  /** Creates the indexes. Uniqueness rests on them, so nothing is served before. */
  async prepare(): Promise<void> {
    await withMongo(() =>
      this.rows.createIndexes([
        { key: { org: 1, slug: 1 }, unique: true },
        { key: { 'crypto.kid': 1, _id: 1 } },
        // Documents without a MAC: it gets smaller, and has none of those that are written.
        { key: { 'crypto.v': 1, _id: 1 }, partialFilterExpression: { 'crypto.v': HEADER_VERSION.plain } },
        { key: { 'imports.slug': 1 } },
        { key: BY_ORG },
      ]),
    );
  }

  /** Adds an environment; ALREADY_EXISTS when its id or its org and slug are taken. */
  async insert(document: EnvironmentDocument): Promise<void> {
    await this.changing(document, () =>
      this.unlessTaken(document, () => this.rows.insertOne(toRow(document))),
    );
  }

  /**
   * Writes another form of what is stored, if nobody wrote since `existing` was read: neither a version nor its
   * header nor a tag.
   */
  async replace(document: EnvironmentDocument, existing: EnvironmentDocument): Promise<boolean> {
    const { filter, row } = replacement(document, existing);
    const { matchedCount } = await this.changing(document, () =>
      this.unlessTaken(document, () => this.rows.replaceOne(filter as mongo.Filter<EnvironmentRow>, row)),
    );
    return matchedCount === 1;
  }

  /**
   * Writes an environment's next version: first the outgoing one among the revisions, where it may lie already, then
   * the document, if nobody wrote since `existing` was read. In this order a version is never lost, wherever it ends;
   * one that was kept and is still the current one is simply there twice. One message, since both are one step.
   */
  async advance(document: EnvironmentDocument, existing: EnvironmentDocument): Promise<boolean> {
    const { _id, ...revision } = outgoingRow(existing);
    const { filter, row } = replacement(document, existing);
    const models: readonly mongo.ClientBulkWriteModel<Tables>[] = [
      {
        ...{ name: 'updateOne', namespace: this.namespace(REVISIONS), filter: { _id }, upsert: true },
        update: { $setOnInsert: revision as mongo.Document },
      },
      { name: 'replaceOne', namespace: this.namespace(ENVIRONMENTS), filter, replacement: row },
    ];
    const done = await this.changing(document, () =>
      withMongo(() => this.client.bulkWrite<Tables>(models, { ordered: true })),
    ).catch((error: unknown) => failedBulk(error, document));
    // The first one always counts, as found or as added.
    return done.matchedCount + done.upsertedCount === models.length;
  }

  /**
   * Gives a version a name, or the name to another version; false when the environment is gone, or has a newer version
   * than the one that is to be tagged as its current one.
   */
  async setTag(document: EnvironmentDocument, tag: string, tagged: string): Promise<boolean> {
    const { _id, lineage, version } = document;
    const current = tagged === version.id ? { 'version.id': tagged } : {};
    const change = { $set: { [tagField(tag)]: tagged } };
    const { matchedCount } = await this.changing(document, () =>
      withMongo(() => this.rows.updateOne({ ...lifeOf(_id, lineage), ...current }, change)),
    );
    return matchedCount === 1;
  }

  async removeTag(document: EnvironmentDocument, tag: string): Promise<boolean> {
    const { _id, lineage } = document;
    const filter = { ...lifeOf(_id, lineage), [tagField(tag)]: { $exists: true } };
    const { matchedCount } = await this.changing(document, () =>
      withMongo(() => this.rows.updateOne(filter, { $unset: { [tagField(tag)]: 1 } })),
    );
    return matchedCount === 1;
  }

  /** Removes the environment, and with it the key to all of its versions; undefined when it was not there any more. */
  async remove(document: EnvironmentDocument): Promise<EnvironmentDocument | undefined> {
    const life = lifeOf(document._id, document.lineage);
    const row = await this.changing(document, () =>
      withMongo(() => this.rows.findOneAndDelete(life, MAJORITY)),
    );
    return row === null ? undefined : fromRow(row);
  }

  /** The environments of an organization with an import of one of these names. */
  async findImporting(org: string, slugs: readonly string[]): Promise<readonly EnvironmentDocument[]> {
    const rows = await withMongo(() =>
      this.rows
        .find({ org, 'imports.slug': { $in: [...slugs] } }, projectionOf('without-data'))
        .sort({ _id: 1 })
        .toArray(),
    );
    return rows.map((row) => fromRow({ ...NO_DATA, ...row }));
  }

  async findById(id: string): Promise<EnvironmentDocument | undefined> {
    return this.findOne({ _id: id });
  }

  async findBySlug(org: string, slug: string): Promise<EnvironmentDocument | undefined> {
    return this.findOne({ org, slug });
  }

  /** All environments that a batch of references may mean: asked for at once, by the index of each. */
  async findAny(
    { org, ids, slugs }: Wanted,
    extent: Extent = 'whole',
  ): Promise<readonly EnvironmentDocument[]> {
    const filters = [
      { _id: { $in: [...ids] }, org },
      { org, slug: { $in: [...slugs] } },
    ];
    const found = await withMongo(() =>
      Promise.all(filters.map((filter) => this.rows.find(filter, projectionOf(extent)).toArray())),
    );
    const rows = found.flat().map((row) => fromRow({ ...NO_DATA, ...row }));
    return [...new Map(rows.map((document) => [document._id, document])).values()];
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
      const [page, total] = await Promise.all([
        this.pageOf(org, size, after),
        this.rows.countDocuments({ org }, { limit: COUNTED }),
      ]);
      return { ...page, total };
    });
  }

  private async pageOf(org: string, size: number, after: string) {
    const items: EnvironmentDocument[] = [];
    let bytes = 0;
    const cursor = this.rows
      .find({ org, _id: { $gt: after } }, { batchSize: 20 })
      .sort({ _id: 1 })
      .limit(size + 1);
    let more = false;
    for await (const row of cursor) {
      more = items.length === size || bytes > PAGE_BYTES;
      if (more) break;
      const document = fromRow(row);
      items.push(document);
      bytes += storedBytes(document);
    }
    return { items, more };
  }

  /** The ids of the key-encryption keys that stored environments need. */
  async keysInUse(): Promise<readonly string[]> {
    const ids: readonly unknown[] = await withMongo(() => this.rows.distinct('crypto.kid'));
    return ids.filter((id) => typeof id === 'string');
  }

  private async findOne(filter: mongo.Filter<EnvironmentRow>): Promise<EnvironmentDocument | undefined> {
    const row = await withMongo(() => this.rows.findOne(filter));
    return row === null ? undefined : fromRow(row);
  }

  private async changing<T>(document: EnvironmentDocument, write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } finally {
      this.changed(document);
    }
  }

  private namespace(collection: string): string {
    return `${this.connection.name}.${collection}`;
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
function toRow(fields: object): EnvironmentRow {
  return fields as unknown as EnvironmentRow;
}

/**
 * A whole document for a whole document: cheaper than to set each of its fields. It carries the tags along, which are no
 * part of any write but their own, so it is none where one was moved meanwhile.
 */
function replacement(document: EnvironmentDocument, existing: EnvironmentDocument) {
  const { _id, org, crypto, mac, lineage, version, changes, created, updated } = document;
  const tags = toTags(existing.revision_tags);
  const fields = { org, ...contentOf(document), crypto, mac, lineage, version, changes, created, updated };
  const filter = {
    ...{ _id, 'version.id': existing.version.id, 'crypto.wdek': existing.crypto?.wdek ?? null },
    // Documents of before there were revisions have no field for them.
    revision_tags: tags.size === 0 ? { $in: [tags, null] } : tags,
  };
  return { filter, row: toRow({ ...fields, revision_tags: tags }) };
}

/** This environment, and not another one of its id from before or after a deletion. */
function lifeOf(_id: string, lineage: string) {
  return {
    _id,
    lineage: lineage === _id ? { $in: [lineage, null] } : lineage,
  } as mongo.Filter<EnvironmentRow>;
}

/** The first write may lose a race to add the same revision: then so has the second one. */
function failedBulk(error: unknown, { org, slug }: EnvironmentDocument) {
  if (!(error instanceof mongo.MongoClientBulkWriteError)) throw error;
  const failures = [...error.writeErrors];
  if (failures.length !== 1 || failures[0]?.[1].code !== DUPLICATE_KEY) throw error;
  if (failures[0][0] === 0) return { matchedCount: 0, upsertedCount: 0 };
  throw alreadyExists(`Environment already exists: ${org}/${slug}`);
}

const DUPLICATE_KEY = 11_000;
