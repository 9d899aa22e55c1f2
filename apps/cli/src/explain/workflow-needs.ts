import { fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { variableUses, type VariableUseShape } from '@stigmer/domain';
import { McpServerDefinitionSchema, type McpServerDefinition } from '@stigmer/proto/agentic/agent/v1/spec';
import type { WorkflowTask } from '@stigmer/proto/agentic/workflow/v1/spec';

/** The variables that a workflow's tasks name, and the MCP servers that they call. */
export function needsOf(tasks: readonly WorkflowTask[]): {
  readonly variableUses: VariableUseShape[];
  readonly mcpServers: McpServerDefinition[];
} {
  return {
    variableUses: [...variableUses(tasks)],
    mcpServers: tasks.flatMap(({ taskConfig }) => serversIn(taskConfig ?? {})),
  };
}

function serversIn({ input }: JsonObject): readonly McpServerDefinition[] {
  const server = isObject(input) ? input['server'] : undefined;
  return server === undefined
    ? []
    : [fromJson(McpServerDefinitionSchema, server, { ignoreUnknownFields: true })];
}

function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
