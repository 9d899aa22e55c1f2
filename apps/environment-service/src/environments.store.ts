import type { OnModuleDestroy } from '@nestjs/common';
import { alreadyExists } from '@stigmer/domain';
import { isDuplicate, withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';
import { type EnvironmentDocument, storedBytes } from './environment-document';
import { type EnvironmentRow, fromRow } from './environment-row';

type Rows = mongo.Collection<EnvironmentRow>;

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
  private readonly rows: Rows;

  constructor(private readonly connection: Connection) {
    // The driver's own collection: mongoose would copy and cast each document of 50 variables field by field.
    this.rows = connection.getClient().db(connection.name).collection<EnvironmentRow>('environments');
  }

  /** Creates the indexes. Uniqueness rests on them, so nothing is served before. */
  async prepare(): Promise<void> {
    await withMongo(() =>
      this.rows.createIndexes([
        { key: { org: 1, slug: 1 }, unique: true },
        { key: { 'crypto.kid': 1 } },
        { key: { 'imports.slug': 1 } },
      ]),
    );
  }

  /** Adds an environment; ALREADY_EXISTS when its id or its org and slug are taken. */
  async insert(document: EnvironmentDocument): Promise<void> {
    await this.unlessTaken(document, () => this.rows.insertOne(toRow(document)));
  }

  /**
   * Writes an environment's next state, if nobody wrote since `existing` was read: neither a version nor its header.
   * The tags stay as they are now, since moving one makes no version.
   */
  async replace(document: EnvironmentDocument, existing: EnvironmentDocument): Promise<boolean> {
    const { _id } = document;
    const fields = { ...document, _id: undefined, revision_tags: undefined };
    const filter = { _id, 'version.id': existing.version.id, 'crypto.wdek': existing.crypto?.wdek ?? null };
    const { matchedCount } = await this.unlessTaken(document, () =>
      this.rows.updateOne(filter, { $set: toRow(fields) }, { ignoreUndefined: true }),
    );
    return matchedCount === 1;
  }

  /** Removes the environment; undefined when it was not there any more. */
  async remove(id: string): Promise<EnvironmentDocument | undefined> {
    const row = await withMongo(() => this.rows.findOneAndDelete({ _id: id }));
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
    const rows = await withMongo(() => this.rows.find(filter).toArray());
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
      return { items, more, total: await this.rows.countDocuments({ org }) };
    });
  }

  /** The ids of the key-encryption keys that stored environments need. */
  async keysInUse(): Promise<readonly string[]> {
    const ids: readonly unknown[] = await withMongo(() => this.rows.distinct('crypto.kid'));
    return ids.filter((id) => typeof id === 'string');
  }

  async onModuleDestroy(): Promise<void> {
    await this.connection.close();
  }

  private async findOne(filter: mongo.Filter<EnvironmentRow>): Promise<EnvironmentDocument | undefined> {
    const row = await withMongo(() => this.rows.findOne(filter));
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
function toRow(fields: object): EnvironmentRow {
  return fields as unknown as EnvironmentRow;
}
