import type { MessageInitShape } from '@bufbuild/protobuf';
import type { McpServerDefinitionSchema } from '@stigmer/proto/agentic/agent/v1/spec';
import type { FarRun } from './far-side';
import { EVERYTHING } from './runner-harness';

type Server = MessageInitShape<typeof McpServerDefinitionSchema>;

/** One agent run in few words; without a server, the agent has the `get-env` of `server-everything`, given TOKEN as GREETING. */
export interface AgentSketch {
  readonly message?: string;
  readonly variables: FarRun['variables'];
  readonly server?: Server;
}

/** An agent run for the far side. */
export function agentRun({ message = 'hello', variables, server = everything() }: AgentSketch): FarRun {
  const agent = {
    metadata: { id: 'agt-test' },
    spec: { instructions: 'You are careful.', mcpServers: [server] },
  };
  return {
    variables,
    snapshot: { run: { case: 'agent', value: { execution: { spec: { message } }, agent } } },
  };
}

function everything(): Server {
  const value = { command: process.execPath, args: [EVERYTHING], envPlaceholders: { GREETING: '${TOKEN}' } };
  return { name: 'everything', serverType: { case: 'stdio', value }, enabledTools: ['get-env'] };
}
