import { isDeepStrictEqual } from 'node:util';
import type { EnvironmentDocument } from './environment-document';

/**
 * What tells whether a document is still the stored one, without its values: its version, the header that opens it
 * (a re-wrap replaces that and makes no version), and its tags (moving one makes no version either).
 */
export interface EnvironmentHead {
  readonly _id: string;
  readonly org: string;
  readonly slug: string;
  readonly version: string;
  /** Empty in documents of earlier systems. */
  readonly wrappedKey: string;
  readonly tags: ReadonlyMap<string, string>;
}

export function headOf({
  _id,
  org,
  slug,
  version,
  crypto,
  revision_tags,
}: EnvironmentDocument): EnvironmentHead {
  return { _id, org, slug, version: version.id, wrappedKey: crypto?.wdek ?? '', tags: revision_tags };
}

export function sameHead(one: EnvironmentHead, other: EnvironmentHead): boolean {
  const same =
    one._id === other._id &&
    one.version === other.version &&
    one.wrappedKey === other.wrappedKey &&
    one.slug === other.slug &&
    one.org === other.org;
  // Few have tags, and a comparison in depth costs more than all the rest.
  return same && (one.tags.size + other.tags.size === 0 || isDeepStrictEqual(one.tags, other.tags));
}
