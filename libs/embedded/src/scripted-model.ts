import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the model was asked, as far as a script looks at it: OpenAI's chat completion request. */
export interface ModelRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content?: unknown }[];
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
  readonly stream?: boolean;
}

/** What a script answers: a text, or a call of one tool. */
export type ModelAnswer =
  | { readonly text: string }
  | { readonly tool: string; readonly arguments: Readonly<Record<string, unknown>> };

export interface ScriptedModel {
  /** The base URL of the endpoint, with `/v1`. */
  readonly url: string;
  /** Every request so far with its headers, newest last. */
  readonly requests: readonly { readonly authorization?: string; readonly body: ModelRequest }[];
  close(): Promise<void>;
}

/**
 * An OpenAI-compatible endpoint over real HTTP whose answers come from a script instead of a model, for machines
 * that have none. In: the script, which may take its time; by default it calls the first tool once and then repeats what the tool said.
 */
export async function startScriptedModel(
  script: (request: ModelRequest) => ModelAnswer | Promise<ModelAnswer> = callOnceThenReport,
): Promise<ScriptedModel> {
  const requests: { authorization?: string; body: ModelRequest }[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request);
    const { authorization } = request.headers;
    const turn = requests.push(authorization === undefined ? { body } : { authorization, body });
    reply(response, body, await script(body), turn);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.writeHead(500).end());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => {
          done();
        });
      }),
  };
}

/** The default script: one tool call if there is a tool, then a text that quotes the tool's answer. */
export function callOnceThenReport({ messages, tools }: ModelRequest): ModelAnswer {
  const answer = messages.findLast(({ role }) => role === 'tool');
  const [tool] = tools ?? [];
  if (answer === undefined && tool !== undefined) return { tool: tool.function.name, arguments: {} };
  return {
    text:
      answer === undefined
        ? 'There is no tool to ask.'
        : `The tool answered: ${JSON.stringify(answer.content)}`,
  };
}

async function readBody(request: IncomingMessage): Promise<ModelRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as ModelRequest;
}

function reply(response: ServerResponse, request: ModelRequest, answer: ModelAnswer, turn: number): void {
  const message = messageOf(answer, turn);
  const finish_reason = 'tool' in answer ? 'tool_calls' : 'stop';
  const common = { id: `scripted-${turn}`, created: 0, model: request.model };
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  if (request.stream !== true) {
    const choices = [{ index: 0, message, finish_reason }];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...common, object: 'chat.completion', choices, usage }));
    return;
  }
  const choices = [{ index: 0, delta: message, finish_reason }];
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(
    `data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', choices, usage })}\n\n`,
  );
  response.end('data: [DONE]\n\n');
}

function messageOf(answer: ModelAnswer, turn: number): object {
  if ('text' in answer) return { role: 'assistant', content: answer.text };
  const call = { name: answer.tool, arguments: JSON.stringify(answer.arguments) };
  return {
    role: 'assistant',
    content: null,
    tool_calls: [{ index: 0, id: `call-${turn}`, type: 'function', function: call }],
  };
}
