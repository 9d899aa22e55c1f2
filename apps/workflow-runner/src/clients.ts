import type { GrpcClient } from '@stigmer/proto';
import { AgentExecutionCommandController } from '@stigmer/proto/agentic/agentexecution/v1/command';
import { AgentExecutionQueryController } from '@stigmer/proto/agentic/agentexecution/v1/query';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { ContextVault } from '@stigmer/proto/internal/v1/context_vault';
import { ExecutionSnapshots } from '@stigmer/proto/internal/v1/execution_snapshots';
import { serviceClient, type Identity } from '@stigmer/service/plain';

/** The rpcs of other services that the runner calls, each with its own identity. */
export interface Clients {
  readonly contexts: GrpcClient<typeof ExecutionContextQueryController>;
  readonly vault: GrpcClient<typeof ContextVault>;
  readonly snapshots: GrpcClient<typeof ExecutionSnapshots>;
  readonly workflowExecutions: GrpcClient<typeof WorkflowExecutionCommandController>;
  readonly agentExecutions: GrpcClient<typeof AgentExecutionCommandController>;
  readonly agentExecutionReads: GrpcClient<typeof AgentExecutionQueryController>;
}

/** Connects lazily: the services may start later than the runner. */
export function createClients(
  addresses: { readonly contextService: string; readonly controlPlane: string },
  identity: Identity,
): Clients {
  const contexts = {
    address: addresses.contextService,
    audience: 'execution-context-service',
    identity,
  } as const;
  const control = { address: addresses.controlPlane, audience: 'control-plane', identity } as const;
  return {
    contexts: serviceClient(ExecutionContextQueryController, contexts),
    vault: serviceClient(ContextVault, contexts),
    snapshots: serviceClient(ExecutionSnapshots, control),
    workflowExecutions: serviceClient(WorkflowExecutionCommandController, control),
    agentExecutions: serviceClient(AgentExecutionCommandController, control),
    agentExecutionReads: serviceClient(AgentExecutionQueryController, control),
  };
}

/** Ends every connection. */
export function closeClients(clients: Clients): void {
  for (const client of Object.values(clients) as { close(): void }[]) client.close();
}
