import { DomainError } from '@stigmer/domain';
import type { Stigmer } from '@stigmer/sdk';
import { identityOf } from '../manifest/identity';
import type { Manifest } from '../manifest/read-resource';
import type { Resource } from '../resources/kinds';
import { operationsOf } from '../resources/operations';

/** The resource that a write of this manifest would change, or undefined where it would make a new one. */
export async function existing(server: Stigmer, manifest: Manifest): Promise<Resource | undefined> {
  const operations = operationsOf(manifest.kind, server, orgOf(manifest, server));
  const id = manifest.resource.metadata?.id;
  const { slug } = identityOf(manifest);
  try {
    const found = await operations.get(id || slug);
    // A reference also means `<prefix>-<slug>`; a write never does, so what was found may be somebody else.
    const same = id ? found.metadata?.id === id : found.metadata?.slug === slug;
    return same ? found : undefined;
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'not-found') return undefined;
    throw error;
  }
}

/** The organization a resource belongs to, and in which its references are looked up. */
export function orgOf({ resource }: Manifest, server: Stigmer): string {
  return resource.metadata?.org || server.org;
}
