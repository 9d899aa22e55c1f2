import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import type { DescService } from '@bufbuild/protobuf';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import { ContextVault } from '@stigmer/proto/internal/v1/context_vault';
import { RunResolver } from '@stigmer/proto/internal/v1/run_resolver';
import { type Logger, serviceClient, type ServiceName } from '@stigmer/service';
import type { ControlPlaneConfig } from './config';
import { Database } from './database';
import { AgentExecutions } from './executions/agent-executions';
import { AgentExecutionCommands, AgentExecutionQueries } from './executions/agent-executions.controller';
import { Contexts } from './executions/contexts';
import { Creation } from './executions/creation';
import { Endings } from './executions/endings';
import { EnvironmentUsage } from './executions/environment-usage';
import { EnvironmentUsageQueries } from './executions/environment-usage.controller';
import { ExecutionFeeds } from './executions/execution-feeds';
import { ExecutionLog } from './executions/execution-log';
import { ExecutionKinds } from './executions/execution-kinds';
import { Executions } from './executions/executions';
import { ExecutionStore } from './executions/executions.store';
import { Hints } from './executions/hints';
import { Resolver } from './executions/resolver';
import { SnapshotQueries } from './executions/snapshots.controller';
import { Starter } from './executions/starter';
import { Sweep } from './executions/sweep';
import { TemporalRuns } from './executions/temporal';
import { WorkflowExecutions } from './executions/workflow-executions';
import {
  WorkflowExecutionCommands,
  WorkflowExecutionQueries,
} from './executions/workflow-executions.controller';
import { AgentInstances } from './instances/agent-instances';
import { AgentInstanceCommands, AgentInstanceQueries } from './instances/agent-instances.controller';
import { EnvironmentReferences } from './instances/environment-references';
import { EnvironmentUsersQueries } from './instances/environment-users.controller';
import { Sessions } from './instances/sessions';
import { SessionCommands, SessionQueries } from './instances/sessions.controller';
import { WorkflowInstances } from './instances/workflow-instances';
import { WorkflowInstanceCommands, WorkflowInstanceQueries } from './instances/workflow-instances.controller';
import { Limits } from './limits';
import { Resources } from './resources/resources';
import { ResourceStore } from './resources/resources.store';
import { Agents } from './templates/agents';
import { AgentCommands, AgentQueries } from './templates/agents.controller';
import { DefaultInstances } from './templates/default-instances';
import { Workflows } from './templates/workflows';
import { WorkflowCommands, WorkflowQueries } from './templates/workflows.controller';

/** The control-plane: templates, instances, sessions and executions. */
@Module({})
export class AppModule {
  /** Resolves when the database is there. Everything else may come later. */
  static async create(
    config: ControlPlaneConfig,
    log: Logger,
    limits: Partial<Limits> = {},
  ): Promise<DynamicModule> {
    const database = await Database.connect(config.STIGMER_MONGODB_URL, log);
    return {
      module: AppModule,
      controllers: [
        ...[AgentCommands, AgentQueries, AgentInstanceCommands, AgentInstanceQueries],
        ...[WorkflowCommands, WorkflowQueries, WorkflowInstanceCommands, WorkflowInstanceQueries],
        ...[SessionCommands, SessionQueries, EnvironmentUsersQueries, EnvironmentUsageQueries],
        ...[
          AgentExecutionCommands,
          AgentExecutionQueries,
          WorkflowExecutionCommands,
          WorkflowExecutionQueries,
        ],
        SnapshotQueries,
      ],
      providers: [
        ...[ResourceStore, Resources, AgentInstances, WorkflowInstances, Sessions],
        ...[DefaultInstances, Agents, Workflows],
        ...[ExecutionStore, ExecutionFeeds, Creation, Executions, Starter, Endings],
        ...[AgentExecutions, WorkflowExecutions, ExecutionKinds, EnvironmentUsage],
        { provide: Database, useValue: database },
        ...outside(config, log, limits),
      ],
    };
  }
}

/** What reaches beyond this process, made from the configuration. */
function outside(config: ControlPlaneConfig, log: Logger, overrides: Partial<Limits>): Provider[] {
  const limits = new Limits({
    contextMaxLifetimeMs: config.STIGMER_CONTEXT_MAX_LIFETIME,
    sweepIntervalMs: config.STIGMER_SWEEP_INTERVAL,
    startGraceMs: config.STIGMER_START_GRACE,
    ...overrides,
  });
  const client = <S extends DescService>(service: S, address: string, audience: ServiceName) =>
    serviceClient(service, { address, audience, identity: config.STIGMER_IDENTITY_KEY });
  const environments = client(
    EnvironmentQueryController,
    config.STIGMER_ENVIRONMENT_SERVICE,
    'environment-service',
  );
  const queries = client(ResolverQueryController, config.STIGMER_RESOLVER_SERVICE, 'resolver-service');
  const runs = client(RunResolver, config.STIGMER_RESOLVER_SERVICE, 'resolver-service');
  const vault = client(ContextVault, config.STIGMER_CONTEXT_SERVICE, 'execution-context-service');
  return [
    { provide: Limits, useValue: limits },
    { provide: ExecutionLog, useValue: new ExecutionLog(log) },
    { provide: Hints, useFactory: () => new Hints(config.STIGMER_REDIS_URL, log) },
    {
      provide: TemporalRuns,
      useFactory: () =>
        new TemporalRuns(config.STIGMER_TEMPORAL_ADDRESS, config.STIGMER_TEMPORAL_NAMESPACE, limits),
    },
    { provide: EnvironmentReferences, useFactory: () => new EnvironmentReferences(environments) },
    { provide: Resolver, useFactory: () => new Resolver(queries, runs, limits) },
    { provide: Contexts, useFactory: () => new Contexts(vault, limits) },
    {
      provide: Sweep,
      inject: [ExecutionStore, TemporalRuns, Contexts, Endings, ExecutionKinds],
      useFactory: (
        store: ExecutionStore,
        temporal: TemporalRuns,
        contexts: Contexts,
        endings: Endings,
        kinds: ExecutionKinds,
      ) => new Sweep(store, temporal, contexts, endings, kinds, limits, log),
    },
  ];
}
