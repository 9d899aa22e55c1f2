import { DomainError } from '@stigmer/domain';
import type { Stigmer } from '@stigmer/sdk';
import type { Manifest } from '../manifest/read-resource';
import { operationsOf } from '../resources/operations';
import { existing } from './existing';
import type { Outcome } from './outcome';

/**
 * Writes the resources one after the other. A resource the server refuses does not stop the others, so that one
 * invocation reports all that is wrong; a server that cannot be reached does.
 */
export async function write(server: Stigmer, manifests: readonly Manifest[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let unreachable = false;
  for (const manifest of manifests) {
    const outcome: Outcome = unreachable
      ? { manifest, result: 'not tried' }
      : await writeOne(server, manifest);
    unreachable ||= isUnreachable(outcome.error);
    if (unreachable && outcomes.length === 0) throw outcome.error;
    outcomes.push(outcome);
  }
  return outcomes;
}

async function writeOne(server: Stigmer, manifest: Manifest): Promise<Outcome> {
  const operations = operationsOf(manifest.kind, server);
  try {
    const before = await existing(server, manifest);
    const after = await operations.apply?.(manifest.resource);
    const unchanged = before !== undefined && before.metadata?.version?.id === after?.metadata?.version?.id;
    const result = before === undefined ? 'created' : unchanged ? 'unchanged' : 'changed';
    return { manifest, result, id: after?.metadata?.id };
  } catch (error) {
    return { manifest, result: 'failed', error };
  }
}

function isUnreachable(error: unknown): boolean {
  return error instanceof DomainError && (error.kind === 'unavailable' || error.kind === 'unauthenticated');
}
