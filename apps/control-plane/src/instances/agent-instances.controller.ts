import type { AgentInstance } from '@stigmer/proto/agentic/agentinstance/v1/api';
import { AgentInstanceCommandController } from '@stigmer/proto/agentic/agentinstance/v1/command';
import type {
  AgentInstanceId,
  GetAgentInstancesByAgentRequest,
  ListAgentInstancesRequest,
} from '@stigmer/proto/agentic/agentinstance/v1/io';
import { AgentInstanceQueryController } from '@stigmer/proto/agentic/agentinstance/v1/query';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { pageAfter, pageOf } from '../resources/paging';
import { Resources } from '../resources/resources';
import { AgentInstances } from './agent-instances';

@GrpcController(AgentInstanceCommandController)
export class AgentInstanceCommands implements RpcHandlers<typeof AgentInstanceCommandController> {
  constructor(
    private readonly resources: Resources,
    private readonly instances: AgentInstances,
  ) {}

  apply(instance: AgentInstance, { caller }: CallContext) {
    return this.resources.apply(this.instances, instance, caller);
  }

  create(instance: AgentInstance, { caller }: CallContext) {
    return this.resources.create(this.instances, instance, caller);
  }

  update(instance: AgentInstance, { caller }: CallContext) {
    return this.resources.update(this.instances, instance, caller);
  }

  delete({ value }: AgentInstanceId) {
    return this.resources.delete(this.instances, value);
  }
}

@GrpcController(AgentInstanceQueryController)
export class AgentInstanceQueries implements RpcHandlers<typeof AgentInstanceQueryController> {
  constructor(
    private readonly resources: Resources,
    private readonly instances: AgentInstances,
  ) {}

  get({ value }: AgentInstanceId) {
    return this.resources.get(this.instances, value);
  }

  getByReference(reference: ApiResourceReference) {
    return this.resources.getByReference(this.instances, reference);
  }

  async getByAgent({ agentId, pageInfo }: GetAgentInstancesByAgentRequest) {
    const { items, total } = await this.resources.list(this.instances, { parent: agentId }, pageOf(pageInfo));
    return { items, totalCount: total };
  }

  async list({ org, pageSize, pageToken }: ListAgentInstancesRequest) {
    const { items, total, nextPageToken } = await this.resources.list(
      this.instances,
      { org },
      pageAfter(pageSize, pageToken),
    );
    return { items, totalCount: total, nextPageToken };
  }
}
