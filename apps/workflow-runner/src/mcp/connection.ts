import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CallToolResultSchema, type CallToolResult, type Tool } from '@modelcontextprotocol/sdk/types.js';
import { TaskFailure } from '../failure';
import type { Json, JsonObject } from '../json';
import { describeNetworkError } from '../network-error';
import { ChildTransport } from './child-transport';
import type { Launch } from './launch';

const START_MS = 30_000;
const CALL_MS = 10 * 60_000;

/** A server that has been started and has introduced itself. */
export class McpConnection {
  readonly name: string;
  readonly #client: Client;
  readonly #transport: Transport;
  readonly #launch: Launch;
  readonly #enabled: ReadonlySet<string>;

  private constructor(
    name: string,
    client: Client,
    transport: Transport,
    launch: Launch,
    enabled: readonly string[],
  ) {
    this.name = name;
    this.#client = client;
    this.#transport = transport;
    this.#launch = launch;
    this.#enabled = new Set(enabled);
  }

  /** Starts or reaches a server. `enabled` are the tools it may be asked for; none named means all. */
  static async open(
    name: string,
    launch: Launch,
    enabled: readonly string[],
    signal: AbortSignal,
  ): Promise<McpConnection> {
    const transport = transportOf(launch);
    const client = new Client({ name: 'stigmer', version: '0.1.0' });
    const connection = new McpConnection(name, client, transport, launch, enabled);
    try {
      await client.connect(transport, { timeout: START_MS, signal });
      return connection;
    } catch (error) {
      await connection.close();
      signal.throwIfAborted();
      throw connection.#failure('McpServerFailed', `does not start: ${reasonOf(error, launch)}`);
    }
  }

  /** The tools that may be used. One that is enabled and does not exist is a mistake worth hearing of. */
  async tools(signal: AbortSignal): Promise<readonly Tool[]> {
    const all: Tool[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#ask(
        () => this.#client.listTools({ cursor }, { signal, timeout: START_MS }),
        signal,
      );
      all.push(...page.tools);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    const missing = [...this.#enabled].filter((name) => !all.some((tool) => tool.name === name));
    if (missing.length > 0)
      throw this.#failure('McpServerFailed', `has no tool ${missing.join(', ')}, which is enabled`);
    return this.#enabled.size === 0 ? all : all.filter((tool) => this.#enabled.has(tool.name));
  }

  /** Calls a tool; a result that the server itself calls an error is a typed failure. */
  async call(tool: string, args: JsonObject, signal: AbortSignal): Promise<Json> {
    if (this.#enabled.size > 0 && !this.#enabled.has(tool)) {
      throw new TaskFailure('McpToolFailed', `MCP server ${this.name}: the tool ${tool} is not enabled`);
    }
    const timeout = this.#launch.kind === 'http' ? this.#launch.timeoutMs : CALL_MS;
    const options = { signal, timeout, resetTimeoutOnProgress: true };
    const request = { name: tool, arguments: args as Record<string, unknown> };
    const result = (await this.#ask(
      () => this.#client.callTool(request, CallToolResultSchema, options),
      signal,
    )) as CallToolResult;
    if (result.isError === true) {
      throw new TaskFailure(
        'McpToolFailed',
        `MCP server ${this.name}: the tool ${tool} failed: ${textOf(result)}`,
      );
    }
    return valueOf(result);
  }

  /** Ends the server, and what it started. */
  async close(): Promise<void> {
    await this.#client.close().catch(() => undefined);
    await this.#transport.close().catch(() => undefined);
    if (this.#launch.kind === 'child' && this.#launch.container !== undefined)
      await removeContainer(this.#launch);
  }

  async #ask<T>(request: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await request();
    } catch (error) {
      signal.throwIfAborted();
      throw this.#failure('McpToolFailed', reasonOf(error, this.#launch));
    }
  }

  /** The failure, with the server's own words after it. */
  #failure(type: 'McpServerFailed' | 'McpToolFailed', reason: string): TaskFailure {
    const said = this.#transport instanceof ChildTransport ? this.#transport.stderr : '';
    const message = `MCP server ${this.name}: ${reason}${said === '' ? '' : `\nits stderr: ${said}`}`;
    return new TaskFailure(type, message, {
      retryable: type === 'McpServerFailed' && this.#launch.kind === 'http',
    });
  }
}

function transportOf(launch: Launch): Transport {
  if (launch.kind === 'child') return new ChildTransport(launch.child);
  const { url, headers } = launch;
  // A header with a secret must not follow a redirect to somebody else.
  return new StreamableHTTPClientTransport(url, {
    requestInit: { headers: { ...headers } },
    redirectPolicy: 'same-origin',
  });
}

function reasonOf(error: unknown, launch: Launch): string {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT' && launch.kind === 'child') {
    return launch.container === undefined
      ? `${launch.child.command} is not on the runner’s PATH (or its working_dir does not exist)`
      : 'docker is not installed where the runner runs';
  }
  return describeNetworkError(error);
}

function textOf(result: CallToolResult): string {
  return result.content.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join('\n');
}

/** Structured content where there is some; one text as JSON where it is JSON, else as text; anything else as the list it is. */
function valueOf(result: CallToolResult): Json {
  if (result.structuredContent !== undefined) return result.structuredContent as JsonObject;
  const [only] = result.content;
  if (result.content.length !== 1 || only?.type !== 'text') return result.content as unknown as Json;
  try {
    return JSON.parse(only.text) as Json;
  } catch {
    return only.text;
  }
}

async function removeContainer(launch: Extract<Launch, { kind: 'child' }>): Promise<void> {
  const { command, env, cwd } = launch.child;
  const docker = spawn(command, ['rm', '--force', launch.container ?? ''], { env, cwd, stdio: 'ignore' });
  await Promise.race([once(docker, 'exit'), once(docker, 'error')]).catch(() => undefined);
}
