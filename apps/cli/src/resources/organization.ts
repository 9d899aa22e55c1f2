import { notFound } from '@stigmer/domain';
import type { Resource, ServedKind } from './kinds';

/** Whether a resource is seen from an organization: its own, and what belongs to none, the platform's. */
export function inOrganization(org: string, { metadata }: Resource): boolean {
  const owner = metadata?.org ?? '';
  return owner === org || owner === '';
}

/**
 * The resource, or NOT_FOUND where it is another organization's. Runs and sessions are asked for by their id alone,
 * so the server cannot know which organization is meant; other kinds it looks up in theirs.
 */
export function requireOrganization<R extends Resource>(
  kind: ServedKind,
  org: string,
  ref: string,
  resource: R,
): R {
  if (!inOrganization(org, resource)) throw notFound(kind, ref);
  return resource;
}
