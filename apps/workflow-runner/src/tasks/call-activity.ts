import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import type { ResolvedText } from '@stigmer/domain';
import { McpServerDefinitionSchema, type McpServerDefinition } from '@stigmer/proto/agentic/agent/v1/spec';
import type { CallActivityTaskConfig } from '@stigmer/proto/agentic/workflow/v1/tasks/call_activity';
import { TaskFailure } from '../failure';
import { isJsonObject, type Json, type JsonObject } from '../json';
import { planLaunch, type Surroundings } from '../mcp/launch';
import type { TaskContext, TaskResult } from './task';

/** What the built-in activities need of the run. */
export interface ActivityContext extends TaskContext {
  readonly variables: ReadonlyMap<string, ResolvedText>;
  /** Whose home a server gets: the workflow's id. */
  readonly owner: string;
  readonly surroundings: Surroundings;
}

/** CALL_ACTIVITY: this runner has one built-in activity, `mcp/call-tool`. */
export async function runCallActivity(
  config: CallActivityTaskConfig,
  context: ActivityContext,
): Promise<TaskResult> {
  if (config.activity !== 'mcp/call-tool') {
    throw new TaskFailure(
      'InvalidTask',
      `activity: ${config.activity} is unknown; this runner has mcp/call-tool`,
    );
  }
  return { output: await callTool(config.input ?? {}, context) };
}

/** Starts the server for this one call and ends it after; inside its definition only `${NAME}` is a placeholder. */
async function callTool(input: JsonObject, context: ActivityContext): Promise<Json> {
  const definition = parseDefinition(input['server']);
  const tool = input['tool'];
  if (typeof tool !== 'string' || tool === '')
    throw new TaskFailure('InvalidTask', 'input.tool: must name a tool');
  const args = await context.evaluator.json(input['arguments'] ?? {}, 'input.arguments', 'allowed');
  if (!isJsonObject(args)) throw new TaskFailure('InvalidTask', 'input.arguments: must be an object');
  const launch = await planLaunch(definition, context.variables, context.owner, context.surroundings);
  // With the first call of a tool: most runs make none.
  const { McpConnection } = await import('../mcp/connection.js');
  const connection = await McpConnection.open(
    definition.name,
    launch,
    definition.enabledTools,
    context.signal,
  );
  try {
    return await connection.call(tool, args, context.signal);
  } finally {
    await connection.close();
  }
}

function parseDefinition(server: Json | undefined): McpServerDefinition {
  try {
    return fromJson(McpServerDefinitionSchema, (server ?? null) as JsonValue);
  } catch {
    // protobuf's message quotes what it could not read.
    throw new TaskFailure(
      'InvalidTask',
      'input.server: must be an MCP server definition (name, and stdio, http or docker)',
    );
  }
}
