import { KINDS } from '@stigmer/domain';
import type { Agent } from '@stigmer/proto/agentic/agent/v1/api';
import type { AgentInstance } from '@stigmer/proto/agentic/agentinstance/v1/api';
import type { Workflow } from '@stigmer/proto/agentic/workflow/v1/api';
import type { WorkflowInstance } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import type { Stigmer } from '@stigmer/sdk';
import type { Resource } from '../resources/kinds';
import { reference } from '../resources/reference';

/** How the templates of one kind and their instances are looked up. */
export interface TemplateKind<T extends Resource, I extends Resource> {
  readonly name: string;
  readonly instancePrefix: string;
  template(server: Stigmer, ref: string): Promise<T>;
  instance(server: Stigmer, ref: string): Promise<I>;
  instancesOf(server: Stigmer, templateId: string): Promise<readonly I[]>;
  templateIdOf(instance: I): string;
  defaultInstanceId(template: T): string;
}

export const agents: TemplateKind<Agent, AgentInstance> = {
  name: 'agent',
  instancePrefix: KINDS.AgentInstance.idPrefix,
  template: (server, ref) => server.agents.getByReference(reference(server.org, 'Agent', ref)),
  instance: (server, ref) =>
    server.agentInstances.getByReference(reference(server.org, 'AgentInstance', ref)),
  instancesOf: async (server, agentId) => (await server.agentInstances.getByAgent({ agentId })).items,
  templateIdOf: ({ spec }) => spec?.agentId ?? '',
  defaultInstanceId: ({ status }) => status?.defaultInstanceId ?? '',
};

export const workflows: TemplateKind<Workflow, WorkflowInstance> = {
  name: 'workflow',
  instancePrefix: KINDS.WorkflowInstance.idPrefix,
  template: (server, ref) => server.workflows.getByReference(reference(server.org, 'Workflow', ref)),
  instance: (server, ref) =>
    server.workflowInstances.getByReference(reference(server.org, 'WorkflowInstance', ref)),
  instancesOf: async (server, workflowId) =>
    (await server.workflowInstances.getByWorkflow({ workflowId })).entries,
  templateIdOf: ({ spec }) => spec?.workflowId ?? '',
  defaultInstanceId: ({ status }) => status?.defaultInstanceId ?? '',
};
