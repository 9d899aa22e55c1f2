import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';

/** What a request carried. */
export interface SeenRequest {
  readonly authorization: string | undefined;
  readonly url: string | undefined;
}

/** An MCP server over streamable HTTP whose one tool, `echo`, answers with the header and the URL it was called with. */
export async function startMcpHttpServer() {
  const seen: SeenRequest[] = [];
  const http = createServer((request, response) => {
    const one = { authorization: request.headers.authorization, url: request.url };
    seen.push(one);
    const server = new McpServer({ name: 'web', version: '1' });
    server.registerTool('echo', { description: 'echoes' }, () => ({
      content: [{ type: 'text', text: JSON.stringify(one) }],
    }));
    // Stateless: a server and a transport per request, as the SDK has it.
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    void server.connect(transport as Transport).then(() => transport.handleRequest(request, response));
  });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close() {
      http.closeAllConnections();
      http.close();
    },
  };
}
