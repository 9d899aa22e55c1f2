import { AgentExecutionCommandController } from '@stigmer/proto/agentic/agentexecution/v1/command';
import { AgentExecutionQueryController } from '@stigmer/proto/agentic/agentexecution/v1/query';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { ContextVault } from '@stigmer/proto/internal/v1/context_vault';
import { EnvironmentUsers } from '@stigmer/proto/internal/v1/environment_users';
import { EnvironmentVault } from '@stigmer/proto/internal/v1/environment_vault';
import { ExecutionSnapshots } from '@stigmer/proto/internal/v1/execution_snapshots';
import { RunResolver } from '@stigmer/proto/internal/v1/run_resolver';
import type { DescService } from '@bufbuild/protobuf';
import type { ServiceName } from './identity';

/** The contract's public packages. What is not under this is never for the gateway, and so for nobody outside. */
const PUBLIC_PACKAGES = 'ai.stigmer.agentic.';

/**
 * What the contract has in the open and is nobody's to call from outside: a status says what has happened, and only
 * the runner knows that. Who could write one could end a run's execution while the run goes on.
 */
const NOT_FROM_OUTSIDE: ReadonlySet<string> = new Set(
  [AgentExecutionCommandController, WorkflowExecutionCommandController].map(
    ({ typeName, method }) => `/${typeName}/${method.updateStatus.name}`,
  ),
);

/**
 * Who may call what, beside the gateway, which may call the rest of the public contract. Whatever is not written here is
 * refused: a new rpc is closed until it gets a line.
 */
const ALLOWED: ReadonlyMap<string, ReadonlySet<ServiceName>> = new Map([
  // Plaintext travels on these. Each has the one caller that cannot do its work without it.
  ...allow(EnvironmentVault, ['open'], 'resolver-service'),
  ...allow(ContextVault, ['create'], 'resolver-service'),
  ...allow(ContextVault, ['renew', 'list'], 'control-plane'),
  ...allow(ContextVault, ['destroy'], 'control-plane', 'workflow-runner'),
  ...allow(RunResolver, ['prepare'], 'control-plane'),
  ...allow(ExecutionContextQueryController, ['getByExecutionId'], 'workflow-runner'),
  // References, states and snapshots: no secret's value.
  ...allow(ExecutionSnapshots, ['get'], 'workflow-runner'),
  ...allow(EnvironmentUsers, ['list'], 'environment-service'),
  ...allow(EnvironmentQueryController, ['get', 'getByReference'], 'control-plane'),
  ...allow(ResolverQueryController, ['explain', 'check'], 'control-plane'),
  ...allow(AgentExecutionCommandController, ['create', 'cancel', 'updateStatus'], 'workflow-runner'),
  ...allow(AgentExecutionQueryController, ['get', 'subscribe'], 'workflow-runner'),
  ...allow(WorkflowExecutionCommandController, ['create', 'cancel', 'updateStatus'], 'workflow-runner'),
  ...allow(WorkflowExecutionQueryController, ['get', 'subscribe'], 'workflow-runner'),
]);

/** Whether the table lets `caller` call the rpc at `path` (`/package.Service/rpc`). */
export function mayCall(path: string, caller: ServiceName): boolean {
  if (caller === 'gateway') return path.startsWith(`/${PUBLIC_PACKAGES}`) && !NOT_FROM_OUTSIDE.has(path);
  return ALLOWED.get(path)?.has(caller) ?? false;
}

function allow<S extends DescService>(
  service: S,
  rpcs: readonly (keyof S['method'])[],
  ...callers: readonly ServiceName[]
): readonly (readonly [string, ReadonlySet<ServiceName>])[] {
  return rpcs.map((rpc) => [`/${service.typeName}/${String(rpc)}`, new Set(callers)]);
}
