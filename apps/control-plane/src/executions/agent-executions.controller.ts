import type { AgentExecution } from '@stigmer/proto/agentic/agentexecution/v1/api';
import {
  AgentExecutionCommandController,
  type AgentExecutionUpdateStatusInput,
} from '@stigmer/proto/agentic/agentexecution/v1/command';
import type {
  AgentExecutionId,
  ListAgentExecutionsBySessionRequest,
  ListAgentExecutionsRequest,
} from '@stigmer/proto/agentic/agentexecution/v1/io';
import { AgentExecutionQueryController } from '@stigmer/proto/agentic/agentexecution/v1/query';
import type { ApiResourceId } from '@stigmer/proto/commons/apiresource/io';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { required } from '../resources/kind';
import { pageNumbered } from '../resources/paging';
import { AgentExecutions } from './agent-executions';
import { Creation } from './creation';
import { Executions } from './executions';

@GrpcController(AgentExecutionCommandController)
export class AgentExecutionCommands implements RpcHandlers<typeof AgentExecutionCommandController> {
  constructor(
    private readonly creation: Creation,
    private readonly executions: Executions,
    private readonly kind: AgentExecutions,
  ) {}

  create(execution: AgentExecution, { caller }: CallContext) {
    return this.creation.create(this.kind, execution, caller);
  }

  update(execution: AgentExecution, { caller }: CallContext) {
    return this.executions.update(this.kind, execution, caller);
  }

  updateStatus({ executionId, status }: AgentExecutionUpdateStatusInput, { caller }: CallContext) {
    return this.executions.updateStatus(this.kind, executionId, required(status, 'status'), caller);
  }

  delete({ value }: ApiResourceId, { caller }: CallContext) {
    return this.executions.delete(this.kind, value, caller);
  }

  cancel({ value }: ApiResourceId, { caller }: CallContext) {
    return this.executions.cancel(this.kind, value, caller);
  }
}

@GrpcController(AgentExecutionQueryController)
export class AgentExecutionQueries implements RpcHandlers<typeof AgentExecutionQueryController> {
  constructor(
    private readonly executions: Executions,
    private readonly kind: AgentExecutions,
  ) {}

  get({ value }: AgentExecutionId) {
    return this.executions.get(this.kind, value);
  }

  list({ phase, tags, pageSize, pageToken }: ListAgentExecutionsRequest) {
    return this.executions.list(this.kind, { tags, phase }, pageNumbered(pageSize, pageToken));
  }

  listBySession({ sessionId, pageSize, pageToken }: ListAgentExecutionsBySessionRequest) {
    return this.executions.list(this.kind, { session: sessionId }, pageNumbered(pageSize, pageToken));
  }

  subscribe({ value }: AgentExecutionId, { signal }: CallContext) {
    return this.executions.subscribe(this.kind, value, signal);
  }
}
