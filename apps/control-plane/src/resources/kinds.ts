import { type Agent, AgentSchema } from '@stigmer/proto/agentic/agent/v1/api';
import { type AgentInstance, AgentInstanceSchema } from '@stigmer/proto/agentic/agentinstance/v1/api';
import { type Session, SessionSchema } from '@stigmer/proto/agentic/session/v1/api';
import { type Workflow, WorkflowSchema } from '@stigmer/proto/agentic/workflow/v1/api';
import {
  type WorkflowInstance,
  WorkflowInstanceSchema,
} from '@stigmer/proto/agentic/workflowinstance/v1/api';
import type { Kind } from './kind';

export const AGENT: Kind<Agent> = { name: 'Agent', schema: AgentSchema };
export const AGENT_INSTANCE: Kind<AgentInstance> = { name: 'AgentInstance', schema: AgentInstanceSchema };
export const SESSION: Kind<Session> = { name: 'Session', schema: SessionSchema };
export const WORKFLOW: Kind<Workflow> = { name: 'Workflow', schema: WorkflowSchema };
export const WORKFLOW_INSTANCE: Kind<WorkflowInstance> = {
  name: 'WorkflowInstance',
  schema: WorkflowInstanceSchema,
};
