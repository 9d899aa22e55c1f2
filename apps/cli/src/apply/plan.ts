import { DomainError, failedPrecondition, type KindName } from '@stigmer/domain';
import type { Stigmer } from '@stigmer/sdk';
import type { Manifest } from '../manifest/read-resource';
import { findKind, type Resource } from '../resources/kinds';
import { operationsOf } from '../resources/operations';
import { diffResources, type Change } from './diff';
import { existing, orgOf } from './existing';
import { missingReferences } from './missing-references';
import type { Outcome, Result } from './outcome';

/** What applying would do, from what the server has now; nothing is written and no secret is read. */
export async function plan(server: Stigmer, manifests: readonly Manifest[]): Promise<readonly Outcome[]> {
  return Promise.all(manifests.map((manifest) => planOne(server, manifest, manifests)));
}

async function planOne(
  server: Stigmer,
  manifest: Manifest,
  manifests: readonly Manifest[],
): Promise<Outcome> {
  const [before, missing] = await Promise.all([
    existing(server, manifest),
    missingReferences(server, manifest, manifests),
  ]);
  if (missing.length > 0) {
    const error = failedPrecondition('it refers to what is not there', missing);
    return { manifest, result: 'would fail', id: before?.metadata?.id, error };
  }
  if (before === undefined) return { manifest, result: 'would be created' };
  const changes = diffResources(before, manifest.resource);
  const kept = await Promise.all(changes.map(({ path }) => meansTheSame(server, path, before, manifest)));
  const real = changes.filter((_, index) => !kept[index]);
  const id = before.metadata?.id;
  return { manifest, result: verdict(real), id, changes: real };
}

function verdict(changes: readonly Change[]): Result {
  if (changes.length === 0) return 'unchanged';
  return changes.every(({ change }) => change === 'secret') ? 'may be changed' : 'would be changed';
}

/** The fields that hold one reference: the server stores the id of what a file calls by its name. */
const PARENTS: Readonly<
  Record<string, { readonly kind: KindName; readonly ref: (resource: Resource) => string }>
> = {
  'spec.agent_id': { kind: 'Agent', ref: (resource) => specField(resource, 'agentId') },
  'spec.workflow_id': { kind: 'Workflow', ref: (resource) => specField(resource, 'workflowId') },
  'spec.agent_instance_id': {
    kind: 'AgentInstance',
    ref: (resource) => specField(resource, 'agentInstanceId'),
  },
};

async function meansTheSame(
  server: Stigmer,
  path: string,
  stored: Resource,
  written: Manifest,
): Promise<boolean> {
  const parent = Object.hasOwn(PARENTS, path) ? PARENTS[path] : undefined;
  const kind = parent && findKind(parent.kind);
  if (!parent || !kind) return false;
  try {
    const { metadata } = await operationsOf(kind, server, orgOf(written, server)).get(
      parent.ref(written.resource),
    );
    return metadata?.id === parent.ref(stored);
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'not-found') return false;
    throw error;
  }
}

function specField(resource: Resource, name: string): string {
  const spec =
    'spec' in resource ? (resource.spec as Readonly<Record<string, unknown>> | undefined) : undefined;
  const value = spec?.[name];
  return typeof value === 'string' ? value : '';
}
