import { checkServer, quoteName, serverPlaceholders, type Violation } from '@stigmer/domain';
import type { McpServerDefinition } from '@stigmer/proto/agentic/agent/v1/spec';

/** What can be wrong with a definition whatever the run's variables are; the rest the resolver finds. */
const SYNTAX: ReadonlySet<string> = new Set([
  'bad-placeholder',
  'placeholder-not-allowed',
  'secret-not-allowed',
]);

/** What is wrong with MCP server definitions by themselves: no server, a name twice, placeholders that are none. */
export function serverFaults(servers: readonly McpServerDefinition[], path: string): readonly Violation[] {
  return servers.flatMap((server, index) => {
    const at = `${path}[${index}]`;
    const faults: Violation[] = placeholderFaults(server, at);
    if (server.serverType.case === undefined)
      faults.push({ field: at, description: 'one of stdio, http, docker is required' });
    if (servers.findIndex(({ name }) => name === server.name) < index) {
      faults.push({
        field: `${at}.name`,
        description: `${server.name} is already the name of another server`,
      });
    }
    return faults;
  });
}

function placeholderFaults(server: McpServerDefinition, at: string): Violation[] {
  return checkServer(serverPlaceholders(server), new Map())
    .filter(({ code }) => SYNTAX.has(code))
    .map(({ field = '', message, hint }) => ({
      field: `${at}.${asPath(field)}`,
      description: `${server.name}: ${message}${hint === undefined ? '' : `; ${hint}`}`,
    }));
}

/** `headers.X`, as a diagnostic says it, is `headers["X"]` in the path of a violation: a map's entry. */
function asPath(field: string): string {
  const entry = /^(\w+)\.(.*)$/s.exec(field);
  return entry === null ? field : `${entry[1] ?? ''}[${quoteName(entry[2] ?? '')}]`;
}
