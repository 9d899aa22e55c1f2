import { clone, create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { KINDS, type Violation } from '@stigmer/domain';
import type { Agent } from '@stigmer/proto/agentic/agent/v1/api';
import type { AgentSpec } from '@stigmer/proto/agentic/agent/v1/spec';
import { type AgentStatus, AgentStatusSchema } from '@stigmer/proto/agentic/agent/v1/status';
import type { AgentInstance } from '@stigmer/proto/agentic/agentinstance/v1/api';
import { type Caller, newId } from '@stigmer/service';
import { AgentInstances } from '../instances/agent-instances';
import type { Columns, ResourceKind } from '../resources/kind';
import { metadataOf, required } from '../resources/kind';
import { AGENT } from '../resources/kinds';
import { DefaultInstances } from './default-instances';
import { envSpecFaults, refuse } from './env-spec';
import { serverFaults } from './mcp-servers';

/** The rules of an agent. */
@Injectable()
export class Agents implements ResourceKind<Agent> {
  readonly name = AGENT.name;
  readonly schema = AGENT.schema;

  constructor(
    private readonly instances: AgentInstances,
    private readonly defaults: DefaultInstances,
  ) {}

  admit(draft: Agent): Promise<Columns> {
    const spec = required(draft.spec, 'spec');
    refuse([
      ...envSpecFaults(spec.envSpec),
      ...serverFaults(spec.mcpServers, 'spec.mcp_servers'),
      ...subAgentFaults(spec),
    ]);
    return Promise.resolve({});
  }

  status(stored: Agent | undefined): AgentStatus {
    if (stored?.status !== undefined) return clone(AgentStatusSchema, stored.status);
    return create(AgentStatusSchema, { defaultInstanceId: newId(KINDS.AgentInstance.idPrefix) });
  }

  async created(agent: Agent, caller: Caller): Promise<void> {
    await this.defaultInstance(agent, caller);
  }

  async release(agent: Agent): Promise<void> {
    await this.defaults.release(this.instances, agent, agent.status?.defaultInstanceId ?? '');
  }

  /** The agent's default instance, made now where it is missing. */
  defaultInstance(agent: Agent, caller: Caller): Promise<AgentInstance> {
    return this.defaults.ensure(
      this.instances,
      metadataOf(agent),
      (slug) => this.instances.defaultOf(agent, slug),
      caller,
    );
  }
}

/** A sub-agent uses servers of its agent, by name. */
function subAgentFaults({ subAgents, mcpServers }: AgentSpec): readonly Violation[] {
  const known = new Set(mcpServers.map(({ name }) => name));
  return subAgents.flatMap((subAgent, index) =>
    [...new Set([...subAgent.mcpServers, ...Object.keys(subAgent.mcpToolSelections)])]
      .filter((name) => !known.has(name))
      .map((name) => ({
        field: `spec.sub_agents[${index}].mcp_servers`,
        description: `${subAgent.name}: ${name} is none of the agent's MCP servers`,
      })),
  );
}
