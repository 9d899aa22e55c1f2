import type { AgentExecution } from '@stigmer/proto/agentic/agentexecution/v1/api';
import type { AgentInstance } from '@stigmer/proto/agentic/agentinstance/v1/api';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import type { Session } from '@stigmer/proto/agentic/session/v1/api';
import type { WorkflowExecution } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import type { WorkflowInstance } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { table } from '../output/table';
import { phaseName } from '../runs/phase';
import { shortened } from '../runs/shortened';
import type { Kind, Resource } from './kinds';

const RUN_HEADINGS = ['PHASE', 'STARTED', 'ERROR'];

/** What a list shows of a resource besides its name and id. */
const EXTRA: Partial<
  Record<Kind['name'], { readonly headings: readonly string[]; cells(resource: Resource): readonly string[] }>
> = {
  Environment: {
    headings: ['VARIABLES', 'SECRETS'],
    cells: (resource) => {
      const values = Object.values((resource as Environment).spec?.data ?? {});
      return [String(values.length), String(values.filter(({ isSecret }) => isSecret).length)];
    },
  },
  AgentInstance: {
    headings: ['AGENT', 'ENVIRONMENTS'],
    cells: (resource) => {
      const { agentId = '', environmentRefs = [] } = (resource as AgentInstance).spec ?? {};
      return [agentId, environmentRefs.map(environmentName).join(', ')];
    },
  },
  WorkflowInstance: {
    headings: ['WORKFLOW', 'ENVIRONMENTS'],
    cells: (resource) => {
      const { workflowId = '', envRefs = [] } = (resource as WorkflowInstance).spec ?? {};
      return [workflowId, envRefs.map(environmentName).join(', ')];
    },
  },
  Session: {
    headings: ['INSTANCE', 'SUBJECT'],
    cells: (resource) => {
      const { agentInstanceId = '', subject = '' } = (resource as Session).spec ?? {};
      return [agentInstanceId, subject];
    },
  },
  AgentExecution: {
    headings: ['AGENT', ...RUN_HEADINGS],
    cells: (resource) => [(resource as AgentExecution).spec?.agentId ?? '', ...runCells(resource)],
  },
  WorkflowExecution: {
    headings: ['WORKFLOW', ...RUN_HEADINGS],
    cells: (resource) => [(resource as WorkflowExecution).spec?.workflowId ?? '', ...runCells(resource)],
  },
};

/** An environment as a reference means it: its slug, and the version that it pins. */
export function environmentName({ slug, version }: ApiResourceReference): string {
  return version === '' ? slug : `${slug}@${version}`;
}

function runCells(resource: Resource): readonly string[] {
  const {
    phase = 0,
    startedAt = '',
    error = '',
  } = (resource as AgentExecution | WorkflowExecution).status ?? {};
  return [phaseName(phase), startedAt, shortened(error)];
}

/** The table of a list. */
export function columnsOf({ name }: Kind, resources: readonly Resource[]): string {
  const extra = EXTRA[name];
  // Runs and sessions have no name but their id.
  const named = name !== 'Session' && name !== 'AgentExecution' && name !== 'WorkflowExecution';
  const rows = resources.map((resource) => {
    const { slug = '', id = '' } = resource.metadata ?? {};
    return [...(named ? [slug] : []), id, ...(extra?.cells(resource) ?? [])];
  });
  return table([...(named ? ['NAME'] : []), 'ID', ...(extra?.headings ?? [])], rows);
}
