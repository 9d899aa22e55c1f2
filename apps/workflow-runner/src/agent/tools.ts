import type { Tool as McpTool } from '@modelcontextprotocol/sdk/types.js';
import { dynamicTool, jsonSchema, type ToolSet } from 'ai';
import { isJsonObject, type Json, type JsonObject } from '../json';
import type { McpConnection } from '../mcp/connection';
import type { StatusWriter } from './status-writer';
import type { Transcript } from './transcript';

/** A tool of one of the agent's servers, under the name the model knows it by. */
interface NamedTool {
  readonly name: string;
  readonly tool: McpTool;
  readonly connection: McpConnection;
}

export interface ToolsContext {
  readonly transcript: Transcript;
  readonly writer: Pick<StatusWriter<unknown>, 'changed'>;
  readonly signal: AbortSignal;
  /** Told before a tool has an effect in the world. */
  readonly onCall: () => void;
}

/** The tools of all servers for the model. A tool that fails tells the model so; the run goes on. */
export async function toolsOf(
  connections: readonly McpConnection[],
  context: ToolsContext,
): Promise<ToolSet> {
  const named = await namedTools(connections, context.signal);
  return Object.fromEntries(named.map((one) => [one.name, asAiTool(one, context)]));
}

async function namedTools(
  connections: readonly McpConnection[],
  signal: AbortSignal,
): Promise<readonly NamedTool[]> {
  const lists = await Promise.all(
    connections.map(async (connection) =>
      (await connection.tools(signal)).map((tool) => ({ tool, connection })),
    ),
  );
  const all = lists.flat();
  return all.map(({ tool, connection }) => {
    const unique = all.filter((other) => other.tool.name === tool.name).length === 1;
    // Model endpoints take letters, digits, `_` and `-`, at most 64 of them.
    const name = (unique ? tool.name : `${connection.name}__${tool.name}`)
      .replace(/[^\w-]/g, '_')
      .slice(0, 64);
    return { name, tool, connection };
  });
}

function asAiTool(
  { name, tool, connection }: NamedTool,
  { transcript, writer, signal, onCall }: ToolsContext,
) {
  return dynamicTool({
    description: tool.description ?? '',
    inputSchema: jsonSchema(tool.inputSchema as Parameters<typeof jsonSchema>[0]),
    async execute(input, { toolCallId }) {
      const args = isJsonObject(input as Json) ? (input as JsonObject) : {};
      transcript.begin(toolCallId, name, args);
      writer.changed();
      onCall();
      try {
        const answer = await connection.call(tool.name, args, signal);
        return transcript.end(toolCallId, answer, false);
      } catch (error) {
        signal.throwIfAborted();
        return `error: ${transcript.end(toolCallId, error instanceof Error ? error.message : 'unknown', true)}`;
      } finally {
        writer.changed();
      }
    },
  });
}
