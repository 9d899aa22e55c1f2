import type { HttpCallTaskConfig } from '@stigmer/proto/agentic/workflow/v1/tasks/http_call';
import type { SecretRule } from '../expression/evaluator';
import { TaskFailure } from '../failure';
import type { Json } from '../json';
import { describeNetworkError } from '../network-error';
import type { TaskContext, TaskResult } from './task';

const DEFAULT_TIMEOUT_SECONDS = 30;
const ANSWER_BYTES = 1024 * 1024;
/** Answers after which the same request may succeed. */
const RETRYABLE: ReadonlySet<number> = new Set([408, 429]);

/** A request with everything filled in. */
interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body?: string;
}

/** HTTP_CALL: the output is the answer's body, as JSON where the server says so and as text otherwise. */
export async function runHttpCall(config: HttpCallTaskConfig, context: TaskContext): Promise<TaskResult> {
  const request = await prepare(config, context);
  const seconds = config.timeoutSeconds > 0 ? config.timeoutSeconds : DEFAULT_TIMEOUT_SECONDS;
  const timeout = AbortSignal.timeout(seconds * 1_000);
  const signal = AbortSignal.any([context.signal, timeout]);
  try {
    return { output: await send(request, signal) };
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof TaskFailure) throw error;
    const reason = timeout.aborted ? `no answer within ${seconds} s` : describeNetworkError(error);
    throw failed(request, reason, true);
  }
}

async function prepare(config: HttpCallTaskConfig, { evaluator }: TaskContext): Promise<Request> {
  const uri = await evaluator.string(config.endpoint?.uri ?? '', 'endpoint.uri', secretAfterHost);
  const headers = new Headers();
  for (const [name, text] of Object.entries(config.headers)) {
    setHeader(headers, name, await evaluator.string(text, `headers.${name}`, () => 'allowed'));
  }
  const url = parseUrl(uri);
  if (config.body === undefined) return { method: config.method, url, headers };
  if (config.method === 'GET') throw new TaskFailure('InvalidTask', 'body: a GET request has none');
  const body = await evaluator.json(config.body, 'body', 'allowed');
  if (!headers.has('content-type')) headers.set('content-type', 'application/json');
  return { method: config.method, url, headers, body: JSON.stringify(body) };
}

/** A secret that decided which host is asked would be in every resolver's and proxy's log. */
function secretAfterHost(prefix: string): SecretRule {
  return /^https?:\/\/[^/?#\s]+[/?#]/i.test(prefix)
    ? 'allowed'
    : { refused: 'a secret can be in the path or the query of a URI, never in its scheme or host' };
}

/** fetch's own messages quote the offending text, which may be a secret: ours name the place. */
function parseUrl(uri: string): URL {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new TaskFailure('InvalidTask', 'endpoint.uri: must be an http or https URL');
  }
  if (url.username !== '' || url.password !== '') {
    throw new TaskFailure(
      'InvalidTask',
      'endpoint.uri: must hold no user name and password; send an Authorization header',
    );
  }
  return url;
}

function setHeader(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value);
  } catch {
    throw new TaskFailure(
      'InvalidTask',
      `headers.${name}: HTTP does not allow this name, or a character in its value`,
    );
  }
}

async function send(request: Request, signal: AbortSignal): Promise<Json> {
  const { method, url, headers, body } = request;
  // Not followed: a header with a secret would go along to wherever the answer points.
  const response = await fetch(url, { method, headers, body, signal, redirect: 'manual' });
  const text = await readText(request, response);
  if (response.ok) return parseBody(request, response, text);
  if (response.status >= 300 && response.status < 400) {
    throw failed(
      request,
      `the server answers ${response.status}; redirects are not followed, name the final address`,
      false,
    );
  }
  const retryable = response.status >= 500 || RETRYABLE.has(response.status);
  throw failed(request, `the server answers ${response.status}${text === '' ? '' : `: ${text}`}`, retryable);
}

async function readText(request: Request, response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES) {
      throw new TaskFailure('AnswerTooLarge', `${nameOf(request)}: the answer is larger than 1 MiB`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseBody(request: Request, response: Response, text: string): Json {
  if (text === '') return null;
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(response.headers.get('content-type') ?? '')) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw failed(request, 'the answer is said to be JSON and is not', false);
  }
}

function failed(request: Request, reason: string, retryable: boolean): TaskFailure {
  return new TaskFailure('HttpFailed', `${nameOf(request)}: ${reason}`, { retryable });
}

/** Path and query may hold a secret, in whatever form the URL has brought it to: they are left out. */
function nameOf({ method, url }: Request): string {
  return `${method} ${url.origin}`;
}
