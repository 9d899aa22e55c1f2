import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AgentSchema } from '@stigmer/proto/agentic/agent/v1/api';
import type { AgentInstanceSchema } from '@stigmer/proto/agentic/agentinstance/v1/api';
import type { WorkflowSchema } from '@stigmer/proto/agentic/workflow/v1/api';
import type { WorkflowExecutionSchema } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import type { WorkflowExecutionSpecSchema } from '@stigmer/proto/agentic/workflowexecution/v1/spec';
import type { WorkflowSpecSchema } from '@stigmer/proto/agentic/workflow/v1/spec';
import type { AgentSpecSchema } from '@stigmer/proto/agentic/agent/v1/spec';
import { ApiResourceKind } from '@stigmer/proto/commons/apiresource/apiresourcekind/api_resource_kind';
import { ApiResourceOwnerScope, WorkflowTaskKind } from '@stigmer/proto/commons/apiresource/enum';
import { API_VERSION } from '../resources/api-version';

export const ORG = 'acme';
const { organization } = ApiResourceOwnerScope;

export function agent(
  name: string,
  spec: Partial<MessageInitShape<typeof AgentSpecSchema>> = {},
): MessageInitShape<typeof AgentSchema> {
  return {
    apiVersion: API_VERSION,
    kind: 'Agent',
    metadata: { name, org: ORG, ownerScope: organization },
    spec: { instructions: 'Answer what you are asked.', ...spec } as MessageInitShape<typeof AgentSpecSchema>,
  };
}

export function agentInstance(
  name: string,
  agentId: string,
  environments: readonly string[] = [],
): MessageInitShape<typeof AgentInstanceSchema> {
  return {
    apiVersion: API_VERSION,
    kind: 'AgentInstance',
    metadata: { name, org: ORG, ownerScope: organization },
    spec: { agentId, environmentRefs: environments.map(environmentReference) },
  };
}

/** `base`, or `base@v3` for one of its versions. */
function environmentReference(ref: string) {
  const [slug = '', version = ''] = ref.split('@');
  return { slug, version, kind: ApiResourceKind.environment };
}

export function workflow(
  name: string,
  spec: Partial<MessageInitShape<typeof WorkflowSpecSchema>> = {},
): MessageInitShape<typeof WorkflowSchema> {
  return {
    apiVersion: API_VERSION,
    kind: 'Workflow',
    metadata: { name, org: ORG, ownerScope: organization },
    spec: {
      document: { dsl: '1.0.0', namespace: 'tests', name, version: '1.0.0' },
      tasks: [{ name: 'pause', kind: WorkflowTaskKind.WAIT, taskConfig: { seconds: 1 } }],
      ...spec,
    } as MessageInitShape<typeof WorkflowSpecSchema>,
  };
}

export function workflowExecution(
  id: string,
  workflowId: string,
  spec: Partial<MessageInitShape<typeof WorkflowExecutionSpecSchema>> = {},
): MessageInitShape<typeof WorkflowExecutionSchema> {
  return {
    apiVersion: API_VERSION,
    kind: 'WorkflowExecution',
    metadata: { id, org: ORG, ownerScope: organization },
    spec: { workflowId, ...spec } as MessageInitShape<typeof WorkflowExecutionSpecSchema>,
  };
}
