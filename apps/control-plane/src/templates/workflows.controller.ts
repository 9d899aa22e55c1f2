import type { Workflow } from '@stigmer/proto/agentic/workflow/v1/api';
import { WorkflowCommandController } from '@stigmer/proto/agentic/workflow/v1/command';
import type { WorkflowId, ListWorkflowsRequest } from '@stigmer/proto/agentic/workflow/v1/io';
import { WorkflowQueryController } from '@stigmer/proto/agentic/workflow/v1/query';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { pageAfter } from '../resources/paging';
import { Resources } from '../resources/resources';
import { Workflows } from './workflows';

@GrpcController(WorkflowCommandController)
export class WorkflowCommands implements RpcHandlers<typeof WorkflowCommandController> {
  constructor(
    private readonly resources: Resources,
    private readonly workflows: Workflows,
  ) {}

  apply(workflow: Workflow, { caller }: CallContext) {
    return this.resources.apply(this.workflows, workflow, caller);
  }

  create(workflow: Workflow, { caller }: CallContext) {
    return this.resources.create(this.workflows, workflow, caller);
  }

  update(workflow: Workflow, { caller }: CallContext) {
    return this.resources.update(this.workflows, workflow, caller);
  }

  delete({ value }: WorkflowId) {
    return this.resources.delete(this.workflows, value);
  }
}

@GrpcController(WorkflowQueryController)
export class WorkflowQueries implements RpcHandlers<typeof WorkflowQueryController> {
  constructor(
    private readonly resources: Resources,
    private readonly workflows: Workflows,
  ) {}

  get({ value }: WorkflowId) {
    return this.resources.get(this.workflows, value);
  }

  getByReference(reference: ApiResourceReference) {
    return this.resources.getByReference(this.workflows, reference);
  }

  async list({ org, pageSize, pageToken }: ListWorkflowsRequest) {
    const { items, total, nextPageToken } = await this.resources.list(
      this.workflows,
      { org },
      pageAfter(pageSize, pageToken),
    );
    return { items, totalCount: total, nextPageToken };
  }
}
