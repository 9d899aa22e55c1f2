import type { WorkflowExecution } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import {
  WorkflowExecutionCommandController,
  type WorkflowExecutionUpdateStatusInput,
} from '@stigmer/proto/agentic/workflowexecution/v1/command';
import type {
  ListWorkflowExecutionsByWorkflowRequest,
  ListWorkflowExecutionsRequest,
  SubscribeWorkflowExecutionRequest,
  WorkflowExecutionId,
} from '@stigmer/proto/agentic/workflowexecution/v1/io';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import type { ApiResourceId } from '@stigmer/proto/commons/apiresource/io';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { required } from '../resources/kind';
import { pageNumbered } from '../resources/paging';
import { WorkflowExecutions } from './workflow-executions';
import { Creation } from './creation';
import { Executions } from './executions';

@GrpcController(WorkflowExecutionCommandController)
export class WorkflowExecutionCommands implements RpcHandlers<typeof WorkflowExecutionCommandController> {
  constructor(
    private readonly creation: Creation,
    private readonly executions: Executions,
    private readonly kind: WorkflowExecutions,
  ) {}

  create(execution: WorkflowExecution, { caller }: CallContext) {
    return this.creation.create(this.kind, execution, caller);
  }

  update(execution: WorkflowExecution, { caller }: CallContext) {
    return this.executions.update(this.kind, execution, caller);
  }

  updateStatus({ executionId, status }: WorkflowExecutionUpdateStatusInput, { caller }: CallContext) {
    return this.executions.updateStatus(this.kind, executionId, required(status, 'status'), caller);
  }

  delete({ value }: ApiResourceId, { caller }: CallContext) {
    return this.executions.delete(this.kind, value, caller);
  }

  cancel({ value }: ApiResourceId, { caller }: CallContext) {
    return this.executions.cancel(this.kind, value, caller);
  }
}

@GrpcController(WorkflowExecutionQueryController)
export class WorkflowExecutionQueries implements RpcHandlers<typeof WorkflowExecutionQueryController> {
  constructor(
    private readonly executions: Executions,
    private readonly kind: WorkflowExecutions,
  ) {}

  get({ value }: WorkflowExecutionId) {
    return this.executions.get(this.kind, value);
  }

  list({ phase, tags, pageSize, pageToken }: ListWorkflowExecutionsRequest) {
    return this.executions.list(this.kind, { tags, phase }, pageNumbered(pageSize, pageToken));
  }

  listByWorkflow({ workflowId, pageSize, pageToken }: ListWorkflowExecutionsByWorkflowRequest) {
    return this.executions.list(this.kind, { template: workflowId }, pageNumbered(pageSize, pageToken));
  }

  subscribe({ executionId }: SubscribeWorkflowExecutionRequest, { signal }: CallContext) {
    return this.executions.subscribe(this.kind, executionId, signal);
  }
}
