import type { DescService } from '@bufbuild/protobuf';
import { AgentCommandController } from '@stigmer/proto/agentic/agent/v1/command';
import { AgentQueryController } from '@stigmer/proto/agentic/agent/v1/query';
import { AgentExecutionCommandController } from '@stigmer/proto/agentic/agentexecution/v1/command';
import { AgentExecutionQueryController } from '@stigmer/proto/agentic/agentexecution/v1/query';
import { AgentInstanceCommandController } from '@stigmer/proto/agentic/agentinstance/v1/command';
import { AgentInstanceQueryController } from '@stigmer/proto/agentic/agentinstance/v1/query';
import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { EnvironmentUsageController } from '@stigmer/proto/agentic/environment/v1/usage';
import { ExecutionContextCommandController } from '@stigmer/proto/agentic/executioncontext/v1/command';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import { ContextKeyController, EnvironmentKeyController } from '@stigmer/proto/agentic/key/v1/command';
import { McpServerCommandController } from '@stigmer/proto/agentic/mcpserver/v1/command';
import { McpServerQueryController } from '@stigmer/proto/agentic/mcpserver/v1/query';
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import { SessionCommandController } from '@stigmer/proto/agentic/session/v1/command';
import { SessionQueryController } from '@stigmer/proto/agentic/session/v1/query';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import { WorkflowQueryController } from '@stigmer/proto/agentic/workflow/v1/query';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { WorkflowInstanceCommandController } from '@stigmer/proto/agentic/workflowinstance/v1/command';
import { WorkflowInstanceQueryController } from '@stigmer/proto/agentic/workflowinstance/v1/query';
import type { ServiceName } from '@stigmer/service';
import type { GatewayConfig } from './config';

/** A part of the system behind the gateway, and the public services it owns. */
export interface Route {
  readonly owner: ServiceName;
  readonly address: string;
  readonly services: readonly DescService[];
}

/** The whole public contract by owner. A service that is not here has no way in from outside. */
export function routes(config: GatewayConfig): readonly Route[] {
  return [
    {
      owner: 'environment-service',
      address: config.STIGMER_ENVIRONMENT_SERVICE,
      services: [EnvironmentCommandController, EnvironmentQueryController, EnvironmentKeyController],
    },
    {
      owner: 'execution-context-service',
      address: config.STIGMER_CONTEXT_SERVICE,
      services: [ExecutionContextCommandController, ExecutionContextQueryController, ContextKeyController],
    },
    {
      owner: 'resolver-service',
      address: config.STIGMER_RESOLVER_SERVICE,
      services: [ResolverQueryController],
    },
    {
      owner: 'control-plane',
      address: config.STIGMER_CONTROL_PLANE,
      services: [
        AgentCommandController,
        AgentQueryController,
        AgentInstanceCommandController,
        AgentInstanceQueryController,
        AgentExecutionCommandController,
        AgentExecutionQueryController,
        SessionCommandController,
        SessionQueryController,
        WorkflowCommandController,
        WorkflowQueryController,
        WorkflowInstanceCommandController,
        WorkflowInstanceQueryController,
        WorkflowExecutionCommandController,
        WorkflowExecutionQueryController,
        McpServerCommandController,
        McpServerQueryController,
        EnvironmentUsageController,
      ],
    },
  ];
}
