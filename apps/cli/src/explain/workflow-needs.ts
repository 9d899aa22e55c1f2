import { create, fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { McpServerDefinitionSchema, type McpServerDefinition } from '@stigmer/proto/agentic/agent/v1/spec';
import { VariableUseSchema, type VariableUse } from '@stigmer/proto/agentic/resolver/v1/io';
import type { WorkflowTask } from '@stigmer/proto/agentic/workflow/v1/spec';

/** `.secrets.NAME` and `.env_vars["NAME"]`, where they are no field of something else (`$context.secrets`). */
const USE = /(?<![\w$.)\]}"])\.(secrets|env_vars)(?:\.([A-Za-z_]\w*)|\.?\[?"([^"\\]+)"\]?)/g;

/** The variables that a workflow's tasks name, and the MCP servers that they call. */
export function needsOf(tasks: readonly WorkflowTask[]): {
  readonly variableUses: VariableUse[];
  readonly mcpServers: McpServerDefinition[];
} {
  return {
    variableUses: tasks.flatMap((task, index) =>
      stringsOf(task.taskConfig ?? {}, '').flatMap(({ path, text }) =>
        usesIn(text, `tasks[${index}] ${task.name}: ${path}`),
      ),
    ),
    mcpServers: tasks.flatMap(({ taskConfig }) => serversIn(taskConfig ?? {})),
  };
}

function usesIn(text: string, location: string): readonly VariableUse[] {
  if (!/(?<!\$)\$\{/.test(text)) return [];
  return [...text.matchAll(USE)].map(([, root, field, key]) =>
    create(VariableUseSchema, { location, name: field ?? key ?? '', secret: root === 'secrets' }),
  );
}

function serversIn({ input }: JsonObject): readonly McpServerDefinition[] {
  const server = isObject(input) ? input['server'] : undefined;
  return server === undefined
    ? []
    : [fromJson(McpServerDefinitionSchema, server, { ignoreUnknownFields: true })];
}

/** Inside an MCP server's definition `${NAME}` is a placeholder, and the resolver checks those itself. */
function stringsOf(
  json: JsonValue,
  path: string,
): readonly { readonly path: string; readonly text: string }[] {
  if (path === 'input.server') return [];
  if (typeof json === 'string') return [{ path, text: json }];
  if (Array.isArray(json)) return json.flatMap((item, index) => stringsOf(item, `${path}[${index}]`));
  if (!isObject(json)) return [];
  return Object.entries(json).flatMap(([key, item]) => stringsOf(item, path === '' ? key : `${path}.${key}`));
}

function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
