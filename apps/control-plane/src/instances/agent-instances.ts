import { clone, create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import type { Agent } from '@stigmer/proto/agentic/agent/v1/api';
import { type AgentInstance, AgentInstanceSchema } from '@stigmer/proto/agentic/agentinstance/v1/api';
import {
  type ApiResourceAuditStatus,
  ApiResourceAuditStatusSchema,
} from '@stigmer/proto/commons/apiresource/status';
import { API_VERSION } from '../resources/api-version';
import { type Columns, metadataOf, required, type ResourceKind } from '../resources/kind';
import { AGENT, AGENT_INSTANCE } from '../resources/kinds';
import { Resources } from '../resources/resources';
import { ExecutionStore } from '../executions/executions.store';
import { EnvironmentReferences } from './environment-references';
import { brokenReferences, inUse, lookUp, refuseChange } from './references';

/** The rules of an agent's instance: an agent bound to environments. */
@Injectable()
export class AgentInstances implements ResourceKind<AgentInstance> {
  readonly name = AGENT_INSTANCE.name;
  readonly schema = AGENT_INSTANCE.schema;

  constructor(
    private readonly resources: Resources,
    private readonly environments: EnvironmentReferences,
    private readonly executions: ExecutionStore,
  ) {}

  async admit(draft: AgentInstance, stored: AgentInstance | undefined): Promise<Columns> {
    const spec = required(draft.spec, 'spec');
    const { org } = metadataOf(draft);
    const [agent, missing] = await Promise.all([
      lookUp(this.resources, AGENT, org, spec.agentId, 'spec.agent_id'),
      this.environments.missing(org, spec.environmentRefs, 'spec.environment_refs'),
    ]);
    if (agent.fault !== undefined) throw brokenReferences([agent.fault, ...missing]);
    if (missing.length > 0) throw brokenReferences(missing);
    spec.agentId = metadataOf(agent.found).id;
    refuseChange('spec.agent_id', stored?.spec?.agentId, spec.agentId);
    return { parents: [spec.agentId], environments: spec.environmentRefs.map(({ slug }) => slug) };
  }

  status(stored: AgentInstance | undefined): ApiResourceAuditStatus {
    return clone(ApiResourceAuditStatusSchema, stored?.status ?? create(ApiResourceAuditStatusSchema));
  }

  async release(instance: AgentInstance): Promise<void> {
    const running = await this.executions.running({ instance: metadataOf(instance).id });
    if (running.length > 0) throw inUse(instance, running);
  }

  /** The instance that is made with an agent: without environments. */
  defaultOf(agent: Agent, slug: string): AgentInstance {
    const { id, name, org, ownerScope } = metadataOf(agent);
    return create(AgentInstanceSchema, {
      apiVersion: API_VERSION,
      kind: this.name,
      metadata: { id: agent.status?.defaultInstanceId, name: slug, slug, org, ownerScope },
      spec: { agentId: id, description: `The default instance of ${name}.` },
    });
  }
}
