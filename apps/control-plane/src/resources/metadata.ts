import { create } from '@bufbuild/protobuf';
import { aborted, invalidArguments, KINDS, type KindName, slugify, type Violation } from '@stigmer/domain';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import {
  type ApiResourceMetadata,
  ApiResourceMetadataVersionSchema,
} from '@stigmer/proto/commons/apiresource/metadata';
import { newId } from '@stigmer/service';

/** An id names a Temporal workflow, a database key and a word on a command line: nothing that needs quoting. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const SLUG = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const NAME_LENGTH = 256;

/** Completes the metadata of a resource that is being created: its id, name, slug and first version. */
export function completeNew(metadata: ApiResourceMetadata, kind: KindName): void {
  if (metadata.id === '') metadata.id = newId(KINDS[kind].idPrefix);
  // Nobody names a conversation; everything else is named by whoever writes it.
  if (kind === 'Session' && slugOf(metadata) === '') metadata.name = metadata.id;
  metadata.slug = slugOf(metadata);
  if (metadata.name === '') metadata.name = metadata.slug;
  const violations = [...idFaults(metadata.id), ...orgFaults(metadata), ...nameFaults(metadata)];
  if (violations.length > 0) throw invalidArguments(violations);
  metadata.version = create(ApiResourceMetadataVersionSchema, {
    id: newId('ver'),
    message: metadata.version?.message,
  });
}

/** Completes the metadata of a resource that replaces `stored`: what names it stays, the version moves on. */
export function completeNext(metadata: ApiResourceMetadata, stored: ApiResourceMetadata): void {
  const fixed = (['id', 'org', 'slug'] as const).filter(
    (field) => metadata[field] !== '' && metadata[field] !== stored[field],
  );
  if (fixed.length > 0) {
    throw invalidArguments(
      fixed.map((field) => ({ field: `metadata.${field}`, description: 'cannot change' })),
    );
  }
  checkExpectedVersion(metadata, stored);
  metadata.id = stored.id;
  metadata.org = stored.org;
  metadata.slug = stored.slug;
  if (metadata.name === '') metadata.name = stored.name;
  const violations = nameFaults(metadata);
  if (violations.length > 0) throw invalidArguments(violations);
  metadata.version = create(ApiResourceMetadataVersionSchema, {
    id: newId('ver'),
    message: metadata.version?.message,
    previousVersionId: stored.version?.id,
  });
}

/** The slug a resource has, or would get from its name. */
export function slugOf({ slug, name }: ApiResourceMetadata): string {
  return slug === '' ? slugify(name) : slug;
}

/** A write that names the version it was made from is refused once somebody else has written. */
function checkExpectedVersion(metadata: ApiResourceMetadata, stored: ApiResourceMetadata): void {
  const expected = metadata.version?.id ?? '';
  if (expected !== '' && expected !== stored.version?.id) throw staleVersion(stored);
}

export function staleVersion({ id }: ApiResourceMetadata) {
  return aborted(`${id} was changed by somebody else: read it again and repeat the change`, [
    { field: 'metadata.version.id', description: 'is not the current version' },
  ]);
}

export function idFaults(id: string): readonly Violation[] {
  return ID.test(id) ? [] : [{ field: 'metadata.id', description: `must match ${ID.source}` }];
}

function orgFaults({ org, ownerScope }: ApiResourceMetadata): readonly Violation[] {
  if (org !== '' || ownerScope === ApiResourceOwnerScope.platform) return [];
  return [{ field: 'metadata.org', description: 'is required' }];
}

function nameFaults({ name, slug }: ApiResourceMetadata): readonly Violation[] {
  if (name.length > NAME_LENGTH)
    return [{ field: 'metadata.name', description: `has at most ${NAME_LENGTH} characters` }];
  if (slug === '') return [{ field: 'metadata.name', description: 'must have at least one of a-z, 0-9' }];
  return SLUG.test(slug) ? [] : [{ field: 'metadata.slug', description: `must match ${SLUG.source}` }];
}
