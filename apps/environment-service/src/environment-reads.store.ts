import { withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';
import type { EnvironmentDocument } from './environment-document';
import type { EnvironmentHead } from './environment-head';
import { type EnvironmentRow, fromRow } from './environment-row';

/** A name that is unique: a slug within an organization. */
export interface OrgSlug {
  readonly org: string;
  readonly slug: string;
}

type HeadRow = Pick<EnvironmentRow, '_id' | 'org' | 'slug' | 'crypto' | 'revision_tags'> & {
  readonly version: Pick<EnvironmentRow['version'], 'id'>;
};

const HEAD = { org: 1, slug: 1, 'version.id': 1, 'crypto.wdek': 1, revision_tags: 1 } as const;

/**
 * The questions that reads ask the database, each about many environments at once. By ids or by slugs and never by
 * either: a database answers each from one index.
 */
export class EnvironmentReadStore {
  private readonly rows: mongo.Collection<EnvironmentRow>;

  constructor(connection: Connection) {
    this.rows = connection.getClient().db(connection.name).collection<EnvironmentRow>('environments');
  }

  async heads(ids: readonly string[]): Promise<ReadonlyMap<string, EnvironmentHead>> {
    const filter = { _id: { $in: [...ids] } };
    const rows = await withMongo(() => this.rows.find(filter).project<HeadRow>(HEAD).toArray());
    return new Map(rows.map((row) => [row._id, toHead(row)]));
  }

  async byIds(ids: readonly string[]): Promise<ReadonlyMap<string, EnvironmentDocument>> {
    const rows = await withMongo(() => this.rows.find({ _id: { $in: [...ids] } }).toArray());
    return new Map(rows.map((row) => [row._id, fromRow(row)]));
  }

  async bySlugs(names: readonly OrgSlug[]): Promise<readonly EnvironmentDocument[]> {
    const orgs = Map.groupBy(names, ({ org }) => org);
    const filters = [...orgs].map(([org, of]) => ({ org, slug: { $in: of.map(({ slug }) => slug) } }));
    const found = await withMongo(() =>
      Promise.all(filters.map((filter) => this.rows.find(filter).toArray())),
    );
    return found.flat().map(fromRow);
  }
}

function toHead({ _id, org, slug, version, crypto, revision_tags = {} }: HeadRow): EnvironmentHead {
  const tags = new Map(Object.entries(revision_tags));
  return { _id, org, slug, version: version.id, wrappedKey: crypto?.wdek ?? '', tags };
}
