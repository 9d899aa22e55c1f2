import { AgentCommandController } from '@stigmer/proto/agentic/agent/v1/command';
import { AgentQueryController } from '@stigmer/proto/agentic/agent/v1/query';
import { AgentExecutionCommandController } from '@stigmer/proto/agentic/agentexecution/v1/command';
import { AgentExecutionQueryController } from '@stigmer/proto/agentic/agentexecution/v1/query';
import { AgentInstanceCommandController } from '@stigmer/proto/agentic/agentinstance/v1/command';
import { AgentInstanceQueryController } from '@stigmer/proto/agentic/agentinstance/v1/query';
import { EnvironmentUsageController } from '@stigmer/proto/agentic/environment/v1/usage';
import { McpServerCommandController } from '@stigmer/proto/agentic/mcpserver/v1/command';
import { McpServerQueryController } from '@stigmer/proto/agentic/mcpserver/v1/query';
import { SessionCommandController } from '@stigmer/proto/agentic/session/v1/command';
import { SessionQueryController } from '@stigmer/proto/agentic/session/v1/query';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import { WorkflowQueryController } from '@stigmer/proto/agentic/workflow/v1/query';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { WorkflowInstanceCommandController } from '@stigmer/proto/agentic/workflowinstance/v1/command';
import { WorkflowInstanceQueryController } from '@stigmer/proto/agentic/workflowinstance/v1/query';
import { EnvironmentUsers } from '@stigmer/proto/internal/v1/environment_users';
import { ExecutionSnapshots } from '@stigmer/proto/internal/v1/execution_snapshots';

/**
 * What this service serves. McpServer is in the contract and has no handlers yet: gRPC itself answers UNIMPLEMENTED
 * to whatever is not bound, and reflection still shows it.
 */
export const SERVICES = [
  AgentCommandController,
  AgentQueryController,
  AgentInstanceCommandController,
  AgentInstanceQueryController,
  WorkflowCommandController,
  WorkflowQueryController,
  WorkflowInstanceCommandController,
  WorkflowInstanceQueryController,
  SessionCommandController,
  SessionQueryController,
  AgentExecutionCommandController,
  AgentExecutionQueryController,
  WorkflowExecutionCommandController,
  WorkflowExecutionQueryController,
  McpServerCommandController,
  McpServerQueryController,
  ExecutionSnapshots,
  EnvironmentUsers,
  EnvironmentUsageController,
] as const;
