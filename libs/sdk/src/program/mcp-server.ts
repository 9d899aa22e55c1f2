import { create } from '@bufbuild/protobuf';
import { type McpServerDefinition, McpServerDefinitionSchema } from '@stigmer/proto/agentic/agent/v1/spec';

interface McpServerArgs {
  /** The tools the agent may use; default all. */
  readonly tools?: readonly string[];
}

export interface StdioServerArgs extends McpServerArgs {
  readonly command: string;
  readonly args?: readonly string[];
  /** What the server sees: names that are passed on as they are, or texts with `${NAME}` in them. */
  readonly env?: readonly string[] | Readonly<Record<string, string>>;
  readonly workingDir?: string;
}

export interface HttpServerArgs extends McpServerArgs {
  readonly url: string;
  /** May hold `${NAME}`, as in `Bearer ${TOKEN}`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly queryParams?: Readonly<Record<string, string>>;
  readonly timeoutSeconds?: number;
}

/** An MCP server that is a program on the runner's machine. It sees the variables named in `env`, and no others. */
export function stdioServer(
  name: string,
  { command, args = [], env = {}, workingDir = '', tools = [] }: StdioServerArgs,
): McpServerDefinition {
  const value = { command, args: [...args], envPlaceholders: placeholders(env), workingDir };
  return create(McpServerDefinitionSchema, {
    name,
    enabledTools: [...tools],
    serverType: { case: 'stdio', value },
  });
}

/** An MCP server that is reached over streamable HTTP. */
export function httpServer(
  name: string,
  { url, headers = {}, queryParams = {}, timeoutSeconds = 0, tools = [] }: HttpServerArgs,
): McpServerDefinition {
  const value = { url, headers: { ...headers }, queryParams: { ...queryParams }, timeoutSeconds };
  return create(McpServerDefinitionSchema, {
    name,
    enabledTools: [...tools],
    serverType: { case: 'http', value },
  });
}

function placeholders(env: NonNullable<StdioServerArgs['env']>): Record<string, string> {
  return isNames(env) ? Object.fromEntries(env.map((name) => [name, `\${${name}}`])) : { ...env };
}

function isNames(env: NonNullable<StdioServerArgs['env']>): env is readonly string[] {
  return Array.isArray(env);
}
