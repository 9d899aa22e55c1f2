import type { Agent } from '@stigmer/proto/agentic/agent/v1/api';
import type { AgentInstance } from '@stigmer/proto/agentic/agentinstance/v1/api';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import type { ExecutionContext } from '@stigmer/proto/agentic/executioncontext/v1/api';
import type { Session } from '@stigmer/proto/agentic/session/v1/api';
import type { Workflow } from '@stigmer/proto/agentic/workflow/v1/api';
import type { WorkflowInstance } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import type { Stigmer } from '@stigmer/sdk';
import type { Kind, Resource } from './kinds';
import { inOrganization, requireOrganization } from './organization';
import { reference } from './reference';

/** What can be done with the resources of one kind; what a kind does not offer is missing. */
export interface Operations {
  readonly get: (ref: string) => Promise<Resource>;
  /** The resource as it was at a version: its number, its id or a tag. */
  readonly getVersion?: (ref: string, version: string) => Promise<Resource>;
  readonly delete: (id: string) => Promise<Resource>;
  /** Deletes although others refer to it. */
  readonly forceDelete?: (id: string) => Promise<Resource>;
  readonly list?: (page: PageRequest) => Promise<Page>;
  readonly apply?: (resource: Resource) => Promise<Resource>;
}

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface Page {
  readonly items: readonly Resource[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/** In: the server, and the organization that is meant. */
type OperationsOn = (server: Stigmer, org: string) => Operations;

/**
 * The rpcs of each kind behind one shape. The contract spells them differently from kind to kind (what a delete
 * takes, how a list pages, whether it can be asked about one organization), and this is the only place that knows.
 */
const OPERATIONS: Readonly<Record<Kind['name'], OperationsOn>> = {
  Environment: ({ environments }, org) => ({
    get: (ref) => environments.getByReference(reference(org, 'Environment', ref)),
    getVersion: (ref, version) => environments.getByReference(reference(org, 'Environment', ref, version)),
    delete: (resourceId) => environments.delete({ resourceId }),
    forceDelete: (resourceId) => environments.delete({ resourceId, force: true }),
    list: (page) => environments.list({ org, ...page }),
    apply: (resource) => environments.apply(resource as Environment),
  }),
  Agent: ({ agents }, org) => ({
    get: (ref) => agents.getByReference(reference(org, 'Agent', ref)),
    delete: (value) => agents.delete({ value }),
    list: (page) => agents.list({ org, ...page }),
    apply: (resource) => agents.apply(resource as Agent),
  }),
  AgentInstance: ({ agentInstances }, org) => ({
    get: (ref) => agentInstances.getByReference(reference(org, 'AgentInstance', ref)),
    delete: (value) => agentInstances.delete({ value }),
    list: (page) => agentInstances.list({ org, ...page }),
    apply: (resource) => agentInstances.apply(resource as AgentInstance),
  }),
  Workflow: ({ workflows }, org) => ({
    get: (ref) => workflows.getByReference(reference(org, 'Workflow', ref)),
    delete: (value) => workflows.delete({ value }),
    list: (page) => workflows.list({ org, ...page }),
    apply: (resource) => workflows.apply(resource as Workflow),
  }),
  WorkflowInstance: ({ workflowInstances }, org) => ({
    get: (ref) => workflowInstances.getByReference(reference(org, 'WorkflowInstance', ref)),
    delete: (value) => workflowInstances.delete({ value }),
    list: (page) => workflowInstances.list({ org, ...page }),
    apply: (resource) => workflowInstances.apply(resource as WorkflowInstance),
  }),
  Session: ({ sessions }, org) => ({
    get: async (value) => requireOrganization('Session', org, value, await sessions.get({ value })),
    delete: (value) => sessions.delete({ value }),
    list: (page) => numbered(org, page, (request) => sessions.list(request)),
    apply: (resource) => sessions.apply(resource as Session),
  }),
  AgentExecution: ({ agentExecutions }, org) => ({
    get: async (value) =>
      requireOrganization('AgentExecution', org, value, await agentExecutions.get({ value })),
    delete: (value) => agentExecutions.delete({ value }),
    list: (page) => numbered(org, page, (request) => agentExecutions.list(request)),
  }),
  WorkflowExecution: ({ workflowExecutions }, org) => ({
    get: async (value) =>
      requireOrganization('WorkflowExecution', org, value, await workflowExecutions.get({ value })),
    delete: (value) => workflowExecutions.delete({ value }),
    list: (page) => numbered(org, page, (request) => workflowExecutions.list(request)),
  }),
  ExecutionContext: ({ executionContexts }, org) => ({
    get: (ref) => executionContexts.getByReference(reference(org, 'ExecutionContext', ref)),
    delete: (resourceId) => executionContexts.delete({ resourceId }),
    apply: (resource) => executionContexts.apply(resource as ExecutionContext),
  }),
};

/** What can be done with the resources of this kind. */
export function operationsOf({ name }: Kind, server: Stigmer, org: string = server.org): Operations {
  return OPERATIONS[name](server, org);
}

interface NumberedPage {
  readonly totalPages: number;
  readonly entries: readonly Resource[];
}

/**
 * The older lists answer with a number of pages instead of a token (their tokens are the pages' numbers), and with
 * every organization's entries. Ours are picked out here, so a page may be shorter than was asked for; one without
 * any of ours is passed over, since an empty page reads like the end.
 */
async function numbered(
  org: string,
  { pageSize, pageToken }: PageRequest,
  read: (request: PageRequest) => Promise<NumberedPage>,
): Promise<Page> {
  let token = pageToken;
  for (;;) {
    const { totalPages, entries } = await read({ pageSize, pageToken: token });
    const page = token === '' ? 1 : Number(token);
    const items = entries.filter((entry) => inOrganization(org, entry));
    const nextPageToken = page < totalPages ? String(page + 1) : '';
    if (items.length > 0 || nextPageToken === '') return { items, nextPageToken };
    token = nextPageToken;
  }
}
