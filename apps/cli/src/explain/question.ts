import { create } from '@bufbuild/protobuf';
import type { Agent } from '@stigmer/proto/agentic/agent/v1/api';
import type { AgentInstance } from '@stigmer/proto/agentic/agentinstance/v1/api';
import { TemplateSchema, type Template } from '@stigmer/proto/agentic/resolver/v1/io';
import type { Workflow } from '@stigmer/proto/agentic/workflow/v1/api';
import type { WorkflowInstance } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import type { Target } from '../runs/target';
import { needsOf } from './workflow-needs';

/** What the resolver is asked to explain. */
export interface Question {
  readonly template: Template;
  readonly environmentRefs: readonly ApiResourceReference[];
  readonly note?: string;
}

export function agentQuestion({
  template: { metadata, spec },
  instance,
  note,
}: Target<Agent, AgentInstance>): Question {
  const { id = '', name = '' } = metadata ?? {};
  const template = create(TemplateSchema, {
    kind: 'Agent',
    id,
    name,
    envSpec: spec?.envSpec,
    mcpServers: spec?.mcpServers,
  });
  return { template, environmentRefs: instance?.spec?.environmentRefs ?? [], note };
}

export function workflowQuestion({
  template: { metadata, spec },
  instance,
  note,
}: Target<Workflow, WorkflowInstance>): Question {
  const { id = '', name = '' } = metadata ?? {};
  const template = create(TemplateSchema, {
    kind: 'Workflow',
    id,
    name,
    envSpec: spec?.envSpec,
    ...needsOf(spec?.tasks ?? []),
  });
  return { template, environmentRefs: instance?.spec?.envRefs ?? [], note };
}
