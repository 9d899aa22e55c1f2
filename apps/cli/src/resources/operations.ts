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

/**
 * The rpcs of each kind behind one shape. The contract spells them differently from kind to kind (what a delete
 * takes, how a list pages, whether it can be asked about one organization), and this is the only place that knows.
 */
export function operationsOf({ name }: Kind, server: Stigmer, org: string = server.org): Operations {
  switch (name) {
    case 'Environment':
      return {
        get: (ref) => server.environments.getByReference(reference(org, name, ref)),
        getVersion: (ref, version) => server.environments.getByReference(reference(org, name, ref, version)),
        delete: (resourceId) => server.environments.delete({ resourceId }),
        forceDelete: (resourceId) => server.environments.delete({ resourceId, force: true }),
        list: (page) => server.environments.list({ org, ...page }),
        apply: (resource) => server.environments.apply(resource as Environment),
      };
    case 'Agent':
      return {
        get: (ref) => server.agents.getByReference(reference(org, name, ref)),
        delete: (value) => server.agents.delete({ value }),
        list: (page) => server.agents.list({ org, ...page }),
        apply: (resource) => server.agents.apply(resource as Agent),
      };
    case 'AgentInstance':
      return {
        get: (ref) => server.agentInstances.getByReference(reference(org, name, ref)),
        delete: (value) => server.agentInstances.delete({ value }),
        list: (page) => server.agentInstances.list({ org, ...page }),
        apply: (resource) => server.agentInstances.apply(resource as AgentInstance),
      };
    case 'Workflow':
      return {
        get: (ref) => server.workflows.getByReference(reference(org, name, ref)),
        delete: (value) => server.workflows.delete({ value }),
        list: (page) => server.workflows.list({ org, ...page }),
        apply: (resource) => server.workflows.apply(resource as Workflow),
      };
    case 'WorkflowInstance':
      return {
        get: (ref) => server.workflowInstances.getByReference(reference(org, name, ref)),
        delete: (value) => server.workflowInstances.delete({ value }),
        list: (page) => server.workflowInstances.list({ org, ...page }),
        apply: (resource) => server.workflowInstances.apply(resource as WorkflowInstance),
      };
    case 'Session':
      return {
        get: async (value) => requireOrganization(name, org, value, await server.sessions.get({ value })),
        delete: (value) => server.sessions.delete({ value }),
        list: (page) => numbered(org, page, (request) => server.sessions.list(request)),
        apply: (resource) => server.sessions.apply(resource as Session),
      };
    case 'AgentExecution':
      return {
        get: async (value) =>
          requireOrganization(name, org, value, await server.agentExecutions.get({ value })),
        delete: (value) => server.agentExecutions.delete({ value }),
        list: (page) => numbered(org, page, (request) => server.agentExecutions.list(request)),
      };
    case 'WorkflowExecution':
      return {
        get: async (value) =>
          requireOrganization(name, org, value, await server.workflowExecutions.get({ value })),
        delete: (value) => server.workflowExecutions.delete({ value }),
        list: (page) => numbered(org, page, (request) => server.workflowExecutions.list(request)),
      };
    case 'ExecutionContext':
      return {
        get: (ref) => server.executionContexts.getByReference(reference(org, name, ref)),
        delete: (resourceId) => server.executionContexts.delete({ resourceId }),
        apply: (resource) => server.executionContexts.apply(resource as ExecutionContext),
      };
  }
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
