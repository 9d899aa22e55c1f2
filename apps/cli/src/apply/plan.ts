import type { Stigmer } from '@stigmer/sdk';
import type { Manifest } from '../manifest/read-resource';
import { operationsOf } from '../resources/operations';
import { diffResources } from './diff';
import { existing } from './existing';
import type { Outcome } from './outcome';

/** What applying would do, from what the server has now; nothing is written and no secret is read. */
export async function plan(server: Stigmer, manifests: readonly Manifest[]): Promise<readonly Outcome[]> {
  return Promise.all(
    manifests.map(async (manifest): Promise<Outcome> => {
      const before = await existing(operationsOf(manifest.kind, server), manifest);
      if (before === undefined) return { manifest, result: 'would be created' };
      const changes = diffResources(before, manifest.resource);
      const id = before.metadata?.id;
      return { manifest, result: changes.length === 0 ? 'unchanged' : 'would be changed', id, changes };
    }),
  );
}
