import { create } from '@bufbuild/protobuf';
import { AgentSchema } from '@stigmer/proto/agentic/agent/v1/api';
import type { McpServerDefinition } from '@stigmer/proto/agentic/agent/v1/spec';
import { AgentInstanceSchema } from '@stigmer/proto/agentic/agentinstance/v1/api';
import {
  type BuildContext,
  type Context,
  envelope,
  type EnvironmentReference,
  environmentRefs,
  refer,
  type Reference,
  type Resource,
  type ResourceArgs,
} from './resource';
import { declarationSpec, refuseCredentials, type VariableDeclarations } from './variables';

export interface AgentArgs extends ResourceArgs {
  readonly instructions: string;
  /** The variables that a run needs. */
  readonly envSpec?: VariableDeclarations;
  /** See {@link stdioServer} and {@link httpServer}. */
  readonly mcpServers?: readonly McpServerDefinition[];
  readonly iconUrl?: string;
}

/** The template of an agent: what it is told, what it may use, what it needs to know. */
export class Agent implements Resource<'Agent'> {
  readonly kind = 'Agent';
  readonly #args: AgentArgs;

  constructor(
    ctx: Context,
    readonly name: string,
    args: AgentArgs,
  ) {
    refuseCredentials(args.envSpec);
    this.#args = args;
    ctx.declare(this);
  }

  build(context: BuildContext) {
    const { description = '', iconUrl = '', instructions, mcpServers = [], envSpec } = this.#args;
    const spec = {
      description,
      iconUrl,
      instructions,
      mcpServers: [...mcpServers],
      envSpec: declarationSpec(envSpec),
    };
    return Promise.resolve(create(AgentSchema, { ...envelope(this, this.#args, context), spec }));
  }
}

export interface AgentInstanceArgs extends ResourceArgs {
  readonly agent: Reference<'Agent'>;
  /** Merged in this order: a later environment wins over an earlier one. */
  readonly environments?: readonly EnvironmentReference[];
}

/** An agent bound to the environments it runs with. */
export class AgentInstance implements Resource<'AgentInstance'> {
  readonly kind = 'AgentInstance';
  readonly #args: AgentInstanceArgs;

  constructor(
    ctx: Context,
    readonly name: string,
    args: AgentInstanceArgs,
  ) {
    this.#args = args;
    ctx.declare(this);
  }

  build(context: BuildContext) {
    const { agent, environments = [], description = '' } = this.#args;
    const spec = {
      agentId: refer(agent),
      description,
      environmentRefs: environmentRefs(environments, context),
    };
    return Promise.resolve(create(AgentInstanceSchema, { ...envelope(this, this.#args, context), spec }));
  }
}
