import { invalidArguments, KINDS, referenceCandidates } from '@stigmer/domain';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { EnvironmentDocument } from './environment-document';
import type { Wanted } from './environments.store';

const { number: KIND, idPrefix } = KINDS.Environment;
const UNSPECIFIED_KIND = 0;

/** What to ask the store for, so that `pick` finds what these references mean. */
export function wantedBy(org: string, references: readonly ApiResourceReference[]): Wanted {
  const candidates = references.flatMap(({ slug }) => referenceCandidates(idPrefix, slug));
  const values = (by: 'id' | 'slug') => [
    ...new Set(candidates.filter((c) => c.by === by).map((c) => c.value)),
  ];
  return { org, ids: values('id'), slugs: values('slug') };
}

/** The environment that a reference means among those found: an id before a slug before a prefixed slug. */
export function pick(
  reference: ApiResourceReference,
  found: readonly EnvironmentDocument[],
): EnvironmentDocument | undefined {
  for (const { by, value } of referenceCandidates(idPrefix, reference.slug)) {
    const document = found.find((candidate) => (by === 'id' ? candidate._id : candidate.slug) === value);
    if (document !== undefined) return hasVersion(document, reference.version) ? document : undefined;
  }
  return undefined;
}

/** A reference as it stands in messages. */
export function describeReference({ slug, version }: ApiResourceReference): string {
  return version === '' ? slug : `${slug}@${version}`;
}

/** Refuses a reference to another kind of resource. */
export function assertEnvironmentKind({ kind }: ApiResourceReference): void {
  const given: number = kind;
  if (given === KIND || given === UNSPECIFIED_KIND) return;
  throw invalidArguments([{ field: 'kind', description: 'must be environment' }]);
}

// Earlier versions are not kept, so a reference to one finds nothing.
function hasVersion({ version }: EnvironmentDocument, wanted: string): boolean {
  return wanted === '' || wanted === 'latest' || wanted === version.id;
}
