import { invalidArguments, KINDS, referenceCandidates } from '@stigmer/domain';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { EnvironmentDocument } from './environment-document';
import type { Wanted } from './environments.store';

const { number: KIND, idPrefix } = KINDS.Environment;
const UNSPECIFIED_KIND = 0;

/** What to ask the store for, so that `pick` finds what these references mean. */
export function wantedBy(org: string, references: readonly Pick<ApiResourceReference, 'slug'>[]): Wanted {
  const candidates = references.flatMap(({ slug }) => referenceCandidates(idPrefix, slug));
  const values = (by: 'id' | 'slug') => [
    ...new Set(candidates.filter((c) => c.by === by).map((c) => c.value)),
  ];
  return { org, ids: values('id'), slugs: values('slug') };
}

/**
 * The environment that a reference means among those found, in whichever version: an id before a slug before a
 * prefixed slug.
 */
export function pick<T extends Pick<EnvironmentDocument, '_id' | 'slug'>>(
  reference: Pick<ApiResourceReference, 'slug'>,
  found: readonly T[],
): T | undefined {
  for (const { by, value } of referenceCandidates(idPrefix, reference.slug)) {
    const document = found.find((candidate) => (by === 'id' ? candidate._id : candidate.slug) === value);
    if (document !== undefined) return document;
  }
  return undefined;
}

/** What a reference may say to mean this environment, unless another one is meant before it. */
export function namesOf({ _id, slug }: Pick<EnvironmentDocument, '_id' | 'slug'>): readonly string[] {
  return [_id, slug, `${idPrefix}-${slug}`];
}

/** A reference as it stands in messages. */
export function describeReference({ slug, version }: Pick<ApiResourceReference, 'slug' | 'version'>): string {
  return version === '' ? slug : `${slug}@${version}`;
}

/** Refuses a reference to another kind of resource. */
export function assertEnvironmentKind({ kind }: ApiResourceReference): void {
  const given: number = kind;
  if (given === KIND || given === UNSPECIFIED_KIND) return;
  throw invalidArguments([{ field: 'kind', description: 'must be environment' }]);
}
