import { clone, equals } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { DomainError, invalidArguments, KINDS, notFound } from '@stigmer/domain';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import type { Caller } from '@stigmer/service';
import { specWritten } from './audit';
import { type Kind, metadataOf, type Resource, type ResourceKind } from './kind';
import { completeNew, completeNext, slugOf, staleVersion } from './metadata';
import { encodePosition, type Page } from './paging';
import { type ListFilter, ResourceStore } from './resources.store';

/** How often a write that names no version is repeated when others write at the same time. */
const ATTEMPTS = 20;

/** One page of a list and the token of the next, empty after the last. */
export interface ListedPage<R> {
  readonly items: R[];
  readonly total: number;
  readonly nextPageToken: string;
}

/** What can be done with a resource of any kind. What is particular to a kind is its `ResourceKind`. */
@Injectable()
export class Resources {
  constructor(private readonly store: ResourceStore) {}

  async create<R extends Resource>(kind: ResourceKind<R>, request: R, caller: Caller): Promise<R> {
    const draft = clone(kind.schema, request);
    completeNew(metadataOf(draft), kind.name);
    const columns = await kind.admit(draft, undefined);
    draft.status = stamped(kind, undefined, caller);
    await this.store.insert(kind, draft, columns);
    await kind.created?.(draft, caller);
    return draft;
  }

  /** Replaces the resource of this id, or else of this org and slug. */
  async update<R extends Resource>(kind: ResourceKind<R>, request: R, caller: Caller): Promise<R> {
    const stored = await this.named(kind, request);
    if (stored === undefined) throw notFound(kind.name, nameOf(request));
    return this.replace(kind, request, stored, caller);
  }

  /** Creates the resource, or replaces the one of this id, or of this org and slug. */
  async apply<R extends Resource>(kind: ResourceKind<R>, request: R, caller: Caller): Promise<R> {
    const stored = await this.named(kind, request);
    if (stored !== undefined) return this.replace(kind, request, stored, caller);
    try {
      return await this.create(kind, request, caller);
    } catch (error) {
      // Somebody else applied the same resource in this moment: then this write comes after theirs.
      const rival = isAlreadyExists(error) ? await this.named(kind, request) : undefined;
      if (rival === undefined) throw error;
      return this.replace(kind, request, rival, caller);
    }
  }

  async get<R extends Resource>(kind: Kind<R>, id: string): Promise<R> {
    const stored = await this.store.byId(kind, id);
    if (stored === undefined) throw notFound(kind.name, id);
    return stored;
  }

  async getByReference<R extends Resource>(kind: Kind<R>, reference: ApiResourceReference): Promise<R> {
    const expected: number = KINDS[kind.name].number;
    const named: number = reference.kind;
    if (named !== 0 && named !== expected) {
      const description = `must be ${KINDS[kind.name].enumName} (${expected})`;
      throw invalidArguments([{ field: 'kind', description }]);
    }
    const org = reference.scope === ApiResourceOwnerScope.platform ? '' : reference.org;
    const found = await this.store.byReference(kind, org, reference.slug);
    if (found === undefined || !isVersion(found, reference.version))
      throw notFound(kind.name, refOf(reference));
    return found;
  }

  /** What `ref` (an id or a slug) means in an organisation; undefined where it means nothing. */
  async find<R extends Resource>(kind: Kind<R>, org: string, ref: string): Promise<R | undefined> {
    return this.store.byReference(kind, org, ref);
  }

  async list<R extends Resource>(kind: Kind<R>, filter: ListFilter, page: Page): Promise<ListedPage<R>> {
    const { items, total, cut } = await this.store.list(kind, filter, page);
    const last = items.at(-1);
    const more = (cut || items.length === page.size) && last !== undefined;
    return { items: [...items], total, nextPageToken: more ? encodePosition(metadataOf(last).id) : '' };
  }

  async delete<R extends Resource>(kind: ResourceKind<R>, id: string): Promise<R> {
    const stored = await this.get(kind, id);
    await kind.release?.(stored);
    await this.store.remove(id);
    return stored;
  }

  private async replace<R extends Resource>(
    kind: ResourceKind<R>,
    request: R,
    first: R,
    caller: Caller,
  ): Promise<R> {
    const expectsVersion = (request.metadata?.version?.id ?? '') !== '';
    let stored = first;
    for (let attempt = 1; ; attempt++) {
      const draft = clone(kind.schema, request);
      completeNext(metadataOf(draft), metadataOf(stored));
      const columns = await kind.admit(draft, stored);
      if (sameContent(kind, draft, stored)) return stored;
      draft.status = stamped(kind, stored, caller);
      const replaced = await this.store.replace(kind, draft, columns, metadataOf(stored).version?.id ?? '');
      if (replaced) return draft;
      if (expectsVersion || attempt === ATTEMPTS) throw staleVersion(metadataOf(stored));
      stored = await this.get(kind, metadataOf(stored).id);
    }
  }

  private async named<R extends Resource>(kind: Kind<R>, request: R): Promise<R | undefined> {
    const metadata = metadataOf(request);
    return metadata.id === ''
      ? this.store.bySlug(kind, metadata.org, slugOf(metadata))
      : this.store.byId(kind, metadata.id);
  }
}

function stamped<R extends Resource>(
  kind: ResourceKind<R>,
  stored: R | undefined,
  caller: Caller,
): NonNullable<R['status']> {
  const status = kind.status(stored);
  status.audit = specWritten(stored?.status?.audit, { actor: caller.actor, at: new Date() });
  return status;
}

/** Whether a write would change anything besides what the server itself writes. */
function sameContent<R extends Resource>(kind: Kind<R>, draft: R, stored: R): boolean {
  const [a, b] = [draft, stored].map((resource) => {
    const bare = clone(kind.schema, resource);
    delete bare.status;
    delete metadataOf(bare).version;
    return bare;
  });
  return a !== undefined && b !== undefined && equals(kind.schema, a, b);
}

function isVersion(resource: Resource, version: string): boolean {
  return version === '' || version === 'latest' || version === resource.metadata?.version?.id;
}

function isAlreadyExists(error: unknown): boolean {
  return error instanceof DomainError && error.kind === 'already-exists';
}

function nameOf(resource: Resource): string {
  const { id, slug, name } = metadataOf(resource);
  return [id, slug, name].find((text) => text !== '') ?? '';
}

function refOf({ slug, version }: ApiResourceReference): string {
  return version === '' ? slug : `${slug}@${version}`;
}
