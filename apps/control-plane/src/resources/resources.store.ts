import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { alreadyExists, type KindName, KINDS, referenceCandidates } from '@stigmer/domain';
import { isDuplicate } from '@stigmer/mongo';
import { type Model, type QueryFilter, Schema } from 'mongoose';
import { Database } from '../database';
import { type Columns, type Kind, metadataOf, type Resource } from './kind';
import { fillPage, fillWhole, keepNames } from './page-budget';
import type { Page } from './paging';

/** A resource as it lies in the database: the message itself, and beside it what it is found by. */
export interface ResourceDocument {
  readonly _id: string;
  readonly kind: KindName;
  readonly org: string;
  readonly slug: string;
  readonly version: string;
  readonly parents: readonly string[];
  readonly environments: readonly string[];
  readonly tags: readonly string[];
  readonly message: Buffer;
}

/** One page of a list, and how many there are in all. */
export interface Listed<R> {
  readonly items: readonly R[];
  /** Whether the page ends before its size is reached: what it holds is as much as one answer can. */
  readonly cut: boolean;
  readonly total: number;
}

/** What a list is narrowed to. */
export interface ListFilter {
  readonly org?: string;
  readonly parent?: string;
  /** All of them. */
  readonly tags?: readonly string[];
}

/** Who uses something, in the words of an error or of another service. */
export interface UserOfResource {
  readonly kind: KindName;
  readonly id: string;
  readonly slug: string;
}

/** So many users of a resource are named at once. */
const MOST_USERS = 100;

const schema = new Schema<ResourceDocument>(
  {
    _id: String,
    kind: String,
    org: String,
    slug: String,
    version: String,
    parents: [String],
    environments: [String],
    tags: [String],
    message: Buffer,
  },
  { versionKey: false },
)
  .index({ org: 1, kind: 1, slug: 1 }, { unique: true })
  .index({ kind: 1, _id: 1 })
  .index({ kind: 1, parents: 1 })
  .index({ org: 1, environments: 1 });

/** The resources of all kinds but the executions, in one collection. */
@Injectable()
export class ResourceStore {
  private readonly model: Model<ResourceDocument>;

  constructor(private readonly database: Database) {
    this.model = database.connection.model<ResourceDocument>('Resource', schema, 'resources');
  }

  /** ALREADY_EXISTS where the id, or the slug in its org and kind, is taken. */
  async insert<R extends Resource>(kind: Kind<R>, resource: R, columns: Columns): Promise<void> {
    const document = toDocument(kind, resource, columns);
    try {
      await this.database.run(() => this.model.insertMany([document]));
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      const { id, org, slug } = metadataOf(resource);
      throw alreadyExists(
        `${kind.name} already exists: ${slug} in ${org === '' ? 'the platform' : org}, or the id ${id}`,
      );
    }
  }

  /** Replaces the resource if its version still is `expected`; says whether it was. */
  async replace<R extends Resource>(
    kind: Kind<R>,
    resource: R,
    columns: Columns,
    expected: string,
  ): Promise<boolean> {
    const document = toDocument(kind, resource, columns);
    const { matchedCount } = await this.database.run(() =>
      this.model.replaceOne({ _id: document._id, version: expected }, document).exec(),
    );
    return matchedCount === 1;
  }

  async byId<R extends Resource>(kind: Kind<R>, id: string): Promise<R | undefined> {
    const document = await this.database.run(() =>
      this.model.findOne({ _id: id, kind: kind.name }).lean().exec(),
    );
    return document === null ? undefined : fromDocument(kind, document);
  }

  async bySlug<R extends Resource>(kind: Kind<R>, org: string, slug: string): Promise<R | undefined> {
    const document = await this.database.run(() =>
      this.model.findOne({ org, kind: kind.name, slug }).lean().exec(),
    );
    return document === null ? undefined : fromDocument(kind, document);
  }

  /**
   * Looks a reference up in an organisation: as an id, then as a slug, then as `<prefix>-<slug>`. What belongs to no
   * organisation, the platform's own, is found from each; who names none finds any by its id.
   */
  async byReference<R extends Resource>(kind: Kind<R>, org: string, ref: string): Promise<R | undefined> {
    if (org === '') {
      const found = await this.byId(kind, ref);
      if (found !== undefined) return found;
    }
    const candidates = referenceCandidates(KINDS[kind.name].idPrefix, ref);
    const slugs = candidates.filter(({ by }) => by === 'slug').map(({ value }) => value);
    const documents = await this.database.run(() =>
      this.model
        .find({ kind: kind.name, org: { $in: [org, ''] }, $or: [{ _id: ref }, { slug: { $in: slugs } }] })
        .lean()
        .exec(),
    );
    for (const owner of [org, '']) {
      for (const { by, value } of candidates) {
        const found = documents.find(
          (document) => document.org === owner && (by === 'id' ? document._id : document.slug) === value,
        );
        if (found !== undefined) return fromDocument(kind, found);
      }
    }
    return undefined;
  }

  async list<R extends Resource>(kind: Kind<R>, filter: ListFilter, page: Page): Promise<Listed<R>> {
    const all: QueryFilter<ResourceDocument> = {
      kind: kind.name,
      ...(filter.org === undefined ? {} : { org: filter.org }),
      ...(filter.parent === undefined ? {} : { parents: filter.parent }),
      ...(filter.tags === undefined || filter.tags.length === 0 ? {} : { tags: { $all: [...filter.tags] } }),
    };
    const here = page.after === undefined ? all : { ...all, _id: { $gt: page.after } };
    // One by one: a page of the largest messages would not fit into memory.
    const documents = this.model
      .find(here, { message: 1 })
      .sort({ _id: 1 })
      .skip((page.number ?? 0) * page.size)
      .limit(page.size)
      .lean();
    const [total, filled] = await this.database.run(() =>
      Promise.all([
        this.model.countDocuments(all).exec(),
        page.number === undefined
          ? fillPage(kind, documents.cursor())
          : fillWhole(kind, documents.cursor(), [keepNames]).then((items) => ({ items, cut: false })),
      ]),
    );
    return { ...filled, total };
  }

  /** The resources that belong to `parent`. */
  async children(kind: KindName, parent: string): Promise<readonly UserOfResource[]> {
    return this.users({ kind, parents: parent });
  }

  /** The instances whose references mean the environment with this id and slug. */
  async usersOfEnvironment(org: string, id: string, slug: string): Promise<readonly UserOfResource[]> {
    return this.users({ org, environments: { $in: namesOfEnvironment(id, slug) } });
  }

  /** The instances that {@link usersOfEnvironment} names, themselves; those behind `after` in the order of their ids. */
  async instancesOfEnvironment<R extends Resource>(
    kind: Kind<R>,
    org: string,
    names: readonly string[],
    after = '',
  ): Promise<readonly R[]> {
    const documents = await this.database.run(() =>
      this.model
        .find({ _id: { $gt: after }, kind: kind.name, org, environments: { $in: [...names] } })
        .sort({ _id: 1 })
        .limit(MOST_USERS)
        .lean()
        .exec(),
    );
    return documents.map((document) => fromDocument(kind, document));
  }

  async remove(id: string): Promise<void> {
    await this.database.run(() => this.model.deleteOne({ _id: id }).exec());
  }

  private async users(filter: QueryFilter<ResourceDocument>): Promise<readonly UserOfResource[]> {
    const documents = await this.database.run(() =>
      this.model.find(filter, { kind: 1, slug: 1 }).sort({ _id: 1 }).limit(MOST_USERS).lean().exec(),
    );
    return documents.map(({ _id, kind, slug }) => ({ kind, id: _id, slug }));
  }
}

/** What a reference may call an environment. */
export function namesOfEnvironment(id: string, slug: string): string[] {
  return [id, ...(slug === '' ? [] : [slug, `${KINDS.Environment.idPrefix}-${slug}`])];
}

function toDocument<R extends Resource>(
  kind: Kind<R>,
  resource: R,
  { parents = [], environments = [] }: Columns,
): ResourceDocument {
  const { id, org, slug, version, tags } = metadataOf(resource);
  return {
    _id: id,
    kind: kind.name,
    org,
    slug,
    version: version?.id ?? '',
    parents,
    environments,
    tags,
    message: Buffer.from(toBinary(kind.schema, resource)),
  };
}

function fromDocument<R extends Resource>(kind: Kind<R>, { message }: ResourceDocument): R {
  return fromBinary(kind.schema, message);
}
