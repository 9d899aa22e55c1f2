import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { HttpCallTaskConfigSchema } from '@stigmer/proto/agentic/workflow/v1/tasks/http_call';
import { Evaluator } from '../expression/evaluator';
import { Jq } from '../expression/jq';
import { startReceiver } from '../testing/receiver';
import { runHttpCall } from './http-call';

const CANARY = 'canary-aa31-http-secret';

describe('HTTP_CALL', () => {
  const jq = new Jq();
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  beforeAll(async () => {
    receiver = await startReceiver(({ url, headers }, response) => {
      const status = Number(/^\/status\/(\d+)/.exec(url)?.[1] ?? 200);
      if (url === '/slow') return;
      if (url === '/large') response.end('x'.repeat(1024 * 1024 + 1));
      else if (url === '/text') response.end('just text');
      else if (url === '/empty') response.writeHead(204).end();
      else if (url === '/lie') response.writeHead(200, { 'content-type': 'application/json' }).end('{');
      else if (status === 302) response.writeHead(302, { location: `${receiver.url}/stolen` }).end();
      else
        response
          .writeHead(status, { 'content-type': 'application/problem+json' })
          .end(JSON.stringify({ got: headers['x-key'] }));
    });
  });
  afterAll(async () => {
    receiver.close();
    await jq.close();
  });

  const call = async (
    config: MessageInitShape<typeof HttpCallTaskConfigSchema>,
    signal = new AbortController().signal,
  ) => {
    const session = jq.session();
    try {
      const evaluator = new Evaluator(session, {
        ...{ input: {}, context: {}, output: {}, trigger: { message: '', metadata: {} } },
        variables: new Map([
          ['KEY', { text: CANARY, secret: true }],
          ['BROKEN', { text: `${CANARY}\nInjected: yes`, secret: true }],
          ['ODD', { text: `a b{${CANARY}}`, secret: true }],
          ['BASE', { text: receiver.url, secret: false }],
        ]),
      });
      const result = await runHttpCall(create(HttpCallTaskConfigSchema, { method: 'GET', ...config }), {
        evaluator,
        signal,
      });
      return result.output;
    } finally {
      await session.close();
    }
  };
  const get = (path: string) => call({ endpoint: { uri: `${receiver.url}${path}` } });

  it('gives JSON as JSON, text as text, nothing as null', async () => {
    expect(await call({ endpoint: { uri: `${receiver.url}/` }, headers: { 'X-Key': 'k' } })).toEqual({
      got: 'k',
    });
    expect(await get('/text')).toBe('just text');
    expect(await get('/empty')).toBeNull();
  });

  it.each([408, 429, 500, 503])('may be tried again after %d', async (status) => {
    await expect(get(`/status/${status}`)).rejects.toMatchObject({ type: 'HttpFailed', retryable: true });
  });

  it.each([400, 401, 404, 422])('has failed for good after %d', async (status) => {
    await expect(get(`/status/${status}`)).rejects.toMatchObject({ type: 'HttpFailed', retryable: false });
  });

  it('may be tried again when nobody answers, or not in time', async () => {
    const nobody = call({ endpoint: { uri: 'http://127.0.0.1:1/' } });
    await expect(nobody).rejects.toMatchObject({
      retryable: true,
      message: expect.stringMatching(/fetch failed/),
    });
    const slow = call({ endpoint: { uri: `${receiver.url}/slow` }, timeoutSeconds: 1 });
    await expect(slow).rejects.toMatchObject({
      retryable: true,
      message: expect.stringMatching(/no answer within 1 s/),
    });
  });

  it('follows no redirect, since its headers would go along', async () => {
    await expect(get('/status/302')).rejects.toMatchObject({
      retryable: false,
      message: expect.stringMatching(/not followed/),
    });
    expect(receiver.received.some(({ url }) => url === '/stolen')).toBe(false);
  });

  it('refuses an answer over 1 MiB, and one that only says it is JSON', async () => {
    await expect(get('/large')).rejects.toMatchObject({ type: 'AnswerTooLarge' });
    await expect(get('/lie')).rejects.toThrow(/said to be JSON and is not/);
  });

  it('takes a secret in the path and the query, never in the scheme or the host', async () => {
    await call({ endpoint: { uri: '${ .env_vars.BASE }/${.secrets.KEY}?k=${.secrets.KEY}' } });
    expect(receiver.received.at(-1)?.url).toBe(`/${CANARY}?k=${CANARY}`);
    for (const uri of [
      'https://${.secrets.KEY}.example/',
      '${.secrets.KEY}',
      'https://example.org${.secrets.KEY}/',
    ]) {
      await expect(call({ endpoint: { uri } })).rejects.toMatchObject({ type: 'SecretRefused' });
    }
  });

  it('says in a failure which method and which server, never the path: it may hold a secret in another form', async () => {
    const uri = '${ .env_vars.BASE }/status/404/${.secrets.ODD}?k=${.secrets.ODD}';
    const failure = await call({ endpoint: { uri } }).catch((error: unknown) => error as Error);
    expect((failure as Error).message).toBe(`GET ${receiver.url}: the server answers 404: {}`);
  });

  it('names the place of what HTTP does not allow, and never the value', async () => {
    for (const config of [
      { endpoint: { uri: `${receiver.url}/` }, headers: { 'X-Key': '${.secrets.BROKEN}' } },
      { endpoint: { uri: 'ftp://x/?${.secrets.KEY}' } },
      { endpoint: { uri: 'http://u:p@x/?${.secrets.KEY}' } },
      { endpoint: { uri: `${receiver.url}/` }, body: { a: 'b' } },
    ]) {
      const failure = await call(config).catch((error: unknown) => error as Error);
      expect(failure).toMatchObject({ name: 'TaskFailure' });
      expect((failure as Error).message).not.toContain(CANARY);
    }
  });
});
