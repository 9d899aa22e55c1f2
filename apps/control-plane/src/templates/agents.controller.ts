import type { Agent } from '@stigmer/proto/agentic/agent/v1/api';
import { AgentCommandController } from '@stigmer/proto/agentic/agent/v1/command';
import type { AgentId, ListAgentsRequest } from '@stigmer/proto/agentic/agent/v1/io';
import { AgentQueryController } from '@stigmer/proto/agentic/agent/v1/query';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { pageAfter } from '../resources/paging';
import { Resources } from '../resources/resources';
import { Agents } from './agents';

@GrpcController(AgentCommandController)
export class AgentCommands implements RpcHandlers<typeof AgentCommandController> {
  constructor(
    private readonly resources: Resources,
    private readonly agents: Agents,
  ) {}

  apply(agent: Agent, { caller }: CallContext) {
    return this.resources.apply(this.agents, agent, caller);
  }

  create(agent: Agent, { caller }: CallContext) {
    return this.resources.create(this.agents, agent, caller);
  }

  update(agent: Agent, { caller }: CallContext) {
    return this.resources.update(this.agents, agent, caller);
  }

  delete({ value }: AgentId) {
    return this.resources.delete(this.agents, value);
  }
}

@GrpcController(AgentQueryController)
export class AgentQueries implements RpcHandlers<typeof AgentQueryController> {
  constructor(
    private readonly resources: Resources,
    private readonly agents: Agents,
  ) {}

  get({ value }: AgentId) {
    return this.resources.get(this.agents, value);
  }

  getByReference(reference: ApiResourceReference) {
    return this.resources.getByReference(this.agents, reference);
  }

  async list({ org, pageSize, pageToken }: ListAgentsRequest) {
    const { items, total, nextPageToken } = await this.resources.list(
      this.agents,
      { org },
      pageAfter(pageSize, pageToken),
    );
    return { items, totalCount: total, nextPageToken };
  }
}
