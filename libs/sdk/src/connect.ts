import {
  type ChannelCredentials,
  credentials as grpcCredentials,
  InterceptingCall,
  type Interceptor,
} from '@grpc/grpc-js';
import { invalidArgument } from '@stigmer/domain';
import { grpcClient, type GrpcClient, type GrpcClientOptions } from '@stigmer/proto';
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
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import { SessionCommandController } from '@stigmer/proto/agentic/session/v1/command';
import { SessionQueryController } from '@stigmer/proto/agentic/session/v1/query';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import { WorkflowQueryController } from '@stigmer/proto/agentic/workflow/v1/query';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { WorkflowInstanceCommandController } from '@stigmer/proto/agentic/workflowinstance/v1/command';
import { WorkflowInstanceQueryController } from '@stigmer/proto/agentic/workflowinstance/v1/query';
import type { DescService } from '@bufbuild/protobuf';
import { fromServiceError } from './errors';

/** The public services of the contract by resource: what can be asked of a gateway. */
const SERVICES = {
  agents: [AgentCommandController, AgentQueryController],
  agentExecutions: [AgentExecutionCommandController, AgentExecutionQueryController],
  agentInstances: [AgentInstanceCommandController, AgentInstanceQueryController],
  contextKeys: [ContextKeyController],
  environmentKeys: [EnvironmentKeyController],
  environments: [EnvironmentCommandController, EnvironmentQueryController, EnvironmentUsageController],
  executionContexts: [ExecutionContextCommandController, ExecutionContextQueryController],
  resolver: [ResolverQueryController],
  sessions: [SessionCommandController, SessionQueryController],
  workflows: [WorkflowCommandController, WorkflowQueryController],
  workflowExecutions: [WorkflowExecutionCommandController, WorkflowExecutionQueryController],
  workflowInstances: [WorkflowInstanceCommandController, WorkflowInstanceQueryController],
} as const satisfies Record<string, readonly DescService[]>;

type Services = typeof SERVICES;

/** Typed clients: `stigmer.environments.apply({…})`. What a caller can act on is thrown as a DomainError. */
export type Stigmer = {
  readonly [K in keyof Services]: ClientOf<Services[K][number]>;
} & {
  /** The organization that commands mean when none is named. */
  readonly org: string;
  close(): void;
};

type ClientOf<S extends DescService> = Omit<
  Intersection<S extends DescService ? GrpcClient<S> : never>,
  'close'
>;
type Intersection<U> = (U extends unknown ? (member: U) => void : never) extends (all: infer I) => void
  ? I
  : never;

export interface ConnectOptions {
  /** The gateway, `host:port`. */
  readonly address: string;
  /** Proves to the gateway that the caller may read this machine's `~/.stigmer`; needed to reveal secrets. */
  readonly localToken?: string;
  readonly org?: string;
  /** For unary calls that name none. */
  readonly deadlineMs?: number;
  /** Default: plaintext, as the local gateway speaks it on loopback. */
  readonly credentials?: ChannelCredentials;
}

/** Connects, lazily, to a gateway. Reads are tried again while it is UNAVAILABLE; writes never are. */
export function connect({
  address,
  localToken,
  org = 'default',
  deadlineMs,
  credentials,
}: ConnectOptions): Stigmer {
  if (localToken !== undefined && credentials === undefined && !isLoopback(address)) {
    throw invalidArgument(`the local token is not sent to ${address}: it is for this machine's own gateway`);
  }
  const options: GrpcClientOptions = {
    mapError: fromServiceError,
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(localToken !== undefined && { channel: { interceptors: [sendLocalToken(localToken)] } }),
  };
  const channel = credentials ?? grpcCredentials.createInsecure();
  const open: { close(): void }[] = [];
  const clients = Object.entries(SERVICES).map(([name, services]) => {
    const parts = services.map((service: DescService) => grpcClient(service, address, channel, options));
    open.push(...parts);
    return [name, Object.assign({}, ...parts) as object] as const;
  });
  const close = () => {
    for (const client of open) client.close();
  };
  // Built from the table that the type is derived from; the compiler cannot follow `fromEntries`.
  return { ...Object.fromEntries(clients), org, close } as Stigmer;
}

function sendLocalToken(token: string): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        metadata.set('x-stigmer-local-token', token);
        next(metadata, listener);
      },
    });
}

function isLoopback(address: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)(:\d+)?$/.test(address);
}
