import type { Manifest } from './read-resource';

/**
 * The order in which resources can be written: what others refer to comes first. Within a kind the files' own order
 * stays, so that somebody who has a reason for it is obeyed.
 */
export function inDependencyOrder(manifests: readonly Manifest[]): readonly Manifest[] {
  return manifests.toSorted((a, b) => a.kind.apply.rank - b.kind.apply.rank);
}
