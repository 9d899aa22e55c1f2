import { dependencyOrder, KINDS, referenceCandidates } from '@stigmer/domain';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import { identityOf } from './identity';
import { ManifestError } from './problem';
import type { Manifest } from './read-resource';

/**
 * The order in which resources can be written: what others refer to comes first, an environment after those that it
 * imports. Otherwise the files' own order stays, so that somebody who has a reason for it is obeyed.
 */
export function inDependencyOrder(manifests: readonly Manifest[]): readonly Manifest[] {
  const ranked = manifests.toSorted((a, b) => a.kind.apply.rank - b.kind.apply.rank);
  const order = dependencyOrder(ranked, (manifest) => importedBy(manifest, ranked));
  if (order.kind === 'ordered') return order.items;
  const path = order.path.map((manifest) => identityOf(manifest).slug).join(' → ');
  const [first] = order.path;
  throw new ManifestError([
    {
      file: first?.file ?? '',
      line: first?.position.line ?? 0,
      column: first?.position.column ?? 0,
      field: 'spec.imports',
      message: `environments import each other in a circle: ${path}`,
    },
  ]);
}

/** Those of the environments that this one imports. Its other imports are on the server. */
function importedBy(manifest: Manifest, all: readonly Manifest[]): readonly Manifest[] {
  return importsOf(manifest).flatMap((reference) => {
    const found = all.find((other) => isMeant(other, manifest, reference));
    return found === undefined ? [] : [found];
  });
}

function importsOf({ resource }: Manifest): readonly { readonly org: string; readonly slug: string }[] {
  if (resource.$typeName !== 'ai.stigmer.agentic.environment.v1.Environment') return [];
  return (resource as Environment).spec?.imports ?? [];
}

function isMeant(
  other: Manifest,
  by: Manifest,
  { org, slug }: { readonly org: string; readonly slug: string },
): boolean {
  const home = by.resource.metadata?.org;
  const { metadata } = other.resource;
  if (other.kind.name !== 'Environment' || metadata?.org !== home || (org !== '' && org !== home))
    return false;
  return referenceCandidates(KINDS.Environment.idPrefix, slug).some(({ by: field, value }) =>
    field === 'id' ? metadata?.id === value : identityOf(other).slug === value,
  );
}
