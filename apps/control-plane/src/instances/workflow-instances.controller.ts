import type { WorkflowInstance } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import { WorkflowInstanceCommandController } from '@stigmer/proto/agentic/workflowinstance/v1/command';
import type {
  WorkflowInstanceId,
  GetWorkflowInstancesByWorkflowRequest,
  ListWorkflowInstancesRequest,
} from '@stigmer/proto/agentic/workflowinstance/v1/io';
import { WorkflowInstanceQueryController } from '@stigmer/proto/agentic/workflowinstance/v1/query';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { pageAfter, pageOf } from '../resources/paging';
import { Resources } from '../resources/resources';
import { WorkflowInstances } from './workflow-instances';

@GrpcController(WorkflowInstanceCommandController)
export class WorkflowInstanceCommands implements RpcHandlers<typeof WorkflowInstanceCommandController> {
  constructor(
    private readonly resources: Resources,
    private readonly instances: WorkflowInstances,
  ) {}

  apply(instance: WorkflowInstance, { caller }: CallContext) {
    return this.resources.apply(this.instances, instance, caller);
  }

  create(instance: WorkflowInstance, { caller }: CallContext) {
    return this.resources.create(this.instances, instance, caller);
  }

  update(instance: WorkflowInstance, { caller }: CallContext) {
    return this.resources.update(this.instances, instance, caller);
  }

  delete({ value }: WorkflowInstanceId) {
    return this.resources.delete(this.instances, value);
  }
}

@GrpcController(WorkflowInstanceQueryController)
export class WorkflowInstanceQueries implements RpcHandlers<typeof WorkflowInstanceQueryController> {
  constructor(
    private readonly resources: Resources,
    private readonly instances: WorkflowInstances,
  ) {}

  get({ value }: WorkflowInstanceId) {
    return this.resources.get(this.instances, value);
  }

  getByReference(reference: ApiResourceReference) {
    return this.resources.getByReference(this.instances, reference);
  }

  async getByWorkflow({ workflowId, pageInfo }: GetWorkflowInstancesByWorkflowRequest) {
    const page = pageOf(pageInfo);
    const { items, total } = await this.resources.list(this.instances, { parent: workflowId }, page);
    return { entries: items, totalPages: Math.ceil(total / page.size) };
  }

  async list({ org, pageSize, pageToken }: ListWorkflowInstancesRequest) {
    const { items, total, nextPageToken } = await this.resources.list(
      this.instances,
      { org },
      pageAfter(pageSize, pageToken),
    );
    return { items, totalCount: total, nextPageToken };
  }
}
