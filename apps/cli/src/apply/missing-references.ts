import { DomainError, KINDS as KIND_TABLE, referenceCandidates, type Violation } from '@stigmer/domain';
import type { AgentInstance } from '@stigmer/proto/agentic/agentinstance/v1/api';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import type { Session } from '@stigmer/proto/agentic/session/v1/api';
import type { WorkflowInstance } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { Stigmer } from '@stigmer/sdk';
import { identityOf } from '../manifest/identity';
import type { Manifest } from '../manifest/read-resource';
import { KINDS, type Resource, type ServedKind } from '../resources/kinds';
import { operationsOf } from '../resources/operations';
import { orgOf } from './existing';

/** What one field of a resource refers to. */
interface Pointer {
  readonly field: string;
  readonly kind: ServedKind;
  readonly ref: string;
  /** The organization the reference names itself, if any. */
  readonly org?: string;
  /** The version it pins; only an environment has any. */
  readonly version?: string;
}

/**
 * The references of a resource that lead nowhere, worded as the server does when it refuses the write. What the same
 * invocation writes counts as there.
 */
export async function missingReferences(
  server: Stigmer,
  manifest: Manifest,
  manifests: readonly Manifest[],
): Promise<readonly Violation[]> {
  const org = orgOf(manifest, server);
  const pointers = pointersOf(manifest.resource);
  const found = await Promise.all(
    pointers.map(async (pointer) => {
      // The server finds nothing of another organization, whatever is there.
      if (pointer.org !== undefined && pointer.org !== '' && pointer.org !== org) return false;
      return manifests.some((other) => makes(other, server, pointer, org)) || isStored(server, pointer, org);
    }),
  );
  return pointers
    .filter((_, index) => found[index] !== true)
    .map(({ field, kind, ref, version }) => ({
      field,
      description: `${kind} not found: ${ref}${version === undefined ? '' : `@${version}`}`,
    }));
}

function pointersOf(resource: Resource): readonly Pointer[] {
  switch (resource.$typeName) {
    case 'ai.stigmer.agentic.environment.v1.Environment':
      return environmentPointers('spec.imports', (resource as Environment).spec?.imports ?? []);
    case 'ai.stigmer.agentic.agentinstance.v1.AgentInstance': {
      const { agentId = '', environmentRefs = [] } = (resource as AgentInstance).spec ?? {};
      return [
        { field: 'spec.agent_id', kind: 'Agent', ref: agentId },
        ...environmentPointers('spec.environment_refs', environmentRefs),
      ];
    }
    case 'ai.stigmer.agentic.workflowinstance.v1.WorkflowInstance': {
      const { workflowId = '', envRefs = [] } = (resource as WorkflowInstance).spec ?? {};
      return [
        { field: 'spec.workflow_id', kind: 'Workflow', ref: workflowId },
        ...environmentPointers('spec.env_refs', envRefs),
      ];
    }
    case 'ai.stigmer.agentic.session.v1.Session': {
      const { agentInstanceId = '' } = (resource as Session).spec ?? {};
      return [{ field: 'spec.agent_instance_id', kind: 'AgentInstance', ref: agentInstanceId }];
    }
    default:
      return [];
  }
}

function environmentPointers(field: string, refs: readonly ApiResourceReference[]): readonly Pointer[] {
  return refs.map(({ org, slug, version }, index) => ({
    field: `${field}[${index}]`,
    kind: 'Environment',
    ref: slug,
    org,
    ...(version !== '' && version !== 'latest' && { version }),
  }));
}

/**
 * Whether writing `other` makes what is pointed at; an agent brings its default instance along. A version that is
 * pinned has to be there already: no write makes one of a given name.
 */
function makes(other: Manifest, server: Stigmer, { kind, ref, version }: Pointer, org: string): boolean {
  if (orgOf(other, server) !== org || version !== undefined) return false;
  const { slug } = identityOf(other);
  const means = (made: ServedKind, id: string, itsSlug: string): boolean =>
    made === kind &&
    referenceCandidates(KIND_TABLE[kind].idPrefix, ref).some(({ by, value }) =>
      by === 'id' ? id !== '' && value === id : value === itsSlug,
    );
  return (
    means(other.kind.name, other.resource.metadata?.id ?? '', slug) ||
    (other.kind.name === 'Agent' && means('AgentInstance', '', `${slug}-default`))
  );
}

async function isStored(
  server: Stigmer,
  { kind: name, ref, version }: Pointer,
  org: string,
): Promise<boolean> {
  const kind = KINDS.find((candidate) => candidate.name === name);
  // An empty reference is the server's validation to report, not a name to look up.
  if (!kind || ref === '') return ref === '';
  try {
    const { get, getVersion } = operationsOf(kind, server, org);
    await (version === undefined ? get(ref) : getVersion?.(ref, version));
    return true;
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'not-found') return false;
    throw error;
  }
}
