import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startScriptedModel, type ScriptedModel } from '@stigmer/embedded';
import { Client, Connection } from '@temporalio/client';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { searchLeaks, type Place } from './leak-search';
import { BusListener } from './bus';
import { allPlaces, processPlaces } from './places';
import { startReceiver, type Receiver } from './receiver';
import { startStack, type Stack } from './stack';
import { repository, succeeded, type Outcome } from './stigmer';
import { until } from './until';

/** Characters that every encoding writes differently, around enough chance to be found nowhere else. */
const canary = (name: string): string => `cnry-${name}-${randomBytes(9).toString('hex')}+/=&%"\\end`;
const canaries = new Map([
  ['environment', canary('environment')],
  ['flag', canary('flag')],
  ['secret file', canary('secretfile')],
  ['credential in an env file', canary('envfile')],
]);
const secret = (name: string): string => canaries.get(name) ?? '';
const quoted = (text: string): string => JSON.stringify(text);

/** The other side tells everything it was told, in every encoding it can think of. */
const chatter = (body: string, authorization = ''): string =>
  JSON.stringify({ body, authorization, encoded: [...canaries.values()].flatMap(encodedAnyhow) });
const encodedAnyhow = (text: string): readonly string[] => [
  ...['', 'a', 'ab'].flatMap((before) => {
    const bytes = Buffer.from(`${before}${text} after`);
    return [bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')];
  }),
  Buffer.from(text).toString('base64'),
  Buffer.from(text).toString('hex').toUpperCase(),
  `https://example.test/?token=${encodeURIComponent(text)}`,
  new URLSearchParams({ token: text }).toString(),
  JSON.stringify({ token: text }),
  JSON.stringify(JSON.stringify({ token: text })),
];

describe('no secret stays anywhere', () => {
  let stack: Stack;
  let model: ScriptedModel;
  let receiver: Receiver;
  let refusing: Receiver;
  let silent: Receiver;
  let folder: string;
  let bus: BusListener;
  let outputs: Place[] = [];

  beforeAll(async () => {
    model = await startScriptedModel();
    receiver = await startReceiver(({ body, headers }) => ({
      status: 200,
      body: chatter(body, headers.authorization),
    }));
    refusing = await startReceiver(({ body }) => ({ status: 400, body: chatter(body) }));
    silent = await startReceiver(() => undefined);
    stack = await startStack({ STIGMER_MODEL_URL: model.url, STIGMER_MODEL_NAME: 'scripted' });
    bus = new BusListener((await stack.status()).redis);
    await bus.listen();
    folder = await mkdtemp(join(tmpdir(), 'stigmer-leaks-'));
    await writeFile(join(folder, 'environment.yaml'), environmentFile());
    await writeFile(join(folder, 'secrets.env'), `FROM_SECRET_FILE=${quoted(secret('secret file'))}\n`);
    await writeFile(join(folder, 'plain.env'), `API_TOKEN=${quoted(secret('credential in an env file'))}\n`);
    succeeded(await run(['apply', join(folder, 'environment.yaml')]));
    succeeded(await run(['apply', join(repository, 'e2e/testdata/leaks')]));
  });

  afterAll(async () => {
    bus.close();
    await stack.stop();
    await Promise.all([model, receiver, refusing, silent].map((server) => server.close()));
    await rm(folder, { recursive: true, force: true });
  });

  const run = async (args: readonly string[], deadlineMs?: number): Promise<Outcome> => {
    const outcome = await stack.stigmer(args, deadlineMs === undefined ? {} : { deadlineMs });
    const bytes = Buffer.from(outcome.stdout + outcome.stderr);
    outputs = [...outputs, { name: `output of stigmer ${args.slice(0, 3).join(' ')}`, bytes }];
    return outcome;
  };
  const runLeaks = (url: string, ...more: string[]): Promise<Outcome> =>
    run([
      ...['workflow', 'execute', 'leaks', '--trigger', 'leak test', '--env', `RECEIVER_URL=${url}`],
      ...['--secret', `FROM_FLAG=${secret('flag')}`, '--secret-file', join(folder, 'secrets.env')],
      ...['--env-file', join(folder, 'plain.env'), ...more],
    ]);
  const environmentFile = (): string => `apiVersion: agentic.stigmer.ai/v1
kind: Environment
metadata: { name: leaks-environment }
spec:
  data:
    FROM_ENVIRONMENT: { value: ${quoted(secret('environment'))}, is_secret: true }
`;

  it('delivers every secret to where it belongs when a workflow succeeds', async () => {
    succeeded(await runLeaks(receiver.url));
    const [request] = receiver.received;
    expect(request?.headers.authorization).toBe(`Bearer ${secret('environment')}`);
    expect(request?.headers['x-flag']).toBe(secret('flag'));
    expect(JSON.parse(request?.body ?? '{}')).toEqual({
      secret_file: secret('secret file'),
      nested: { list: [secret('credential in an env file'), `and ${secret('flag')} inside`] },
    });
  });

  it('fails a workflow whose receiver refuses and repeats what it got', async () => {
    const outcome = await runLeaks(refusing.url);
    expect({ ...outcome, received: refusing.received.length }).toMatchObject({ code: 7, received: 1 });
  });

  it('refuses a workflow that would raise an error with a secret in its message', async () => {
    const outcome = await run(['apply', join(repository, 'e2e/testdata/leaks-refused')]);
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toContain('FROM_ENVIRONMENT');
  });

  it('cancels a workflow that waits', async () => {
    succeeded(await run(['cancel', await startWaiting()]));
    await untilNoContext(stack);
  });

  it('ends a workflow whose runner was killed in the middle of a call', async () => {
    const execution = runLeaks(silent.url, '--no-wait');
    await until('the first call', () => silent.received[0]);
    const runner = (await stack.status()).parts.find(({ name }) => name === 'workflow-runner');
    process.kill(runner?.pid ?? 0, 'SIGKILL');
    const { stdout } = await execution;
    const id = /wex-[0-9a-z]{26}/.exec(stdout)?.[0] ?? 'no id printed';
    await until('another attempt', () => silent.received[1]);
    succeeded(await run(['cancel', id]));
    await untilNoContext(stack);
  });

  it('runs an agent whose tool tells its environment', async () => {
    expect(
      await run([
        'agent',
        'execute',
        'leaks-agent',
        '--message',
        'look',
        '--secret',
        `FROM_FLAG=${secret('flag')}`,
      ]),
    ).toMatchObject({ code: 0 });
  });

  it('fails an agent whose server prints its secret and ends', async () => {
    const outcome = await run(['agent', 'execute', 'leaks-broken-agent', '--message', 'look']);
    expect(outcome.code).not.toBe(0);
    expect(outcome.stdout + outcome.stderr).toContain('cannot log in with');
  });

  it('refuses a run whose variables are missing and says nothing of those it got', async () => {
    const outcome = await run([
      'workflow',
      'execute',
      'leaks',
      '--trigger',
      'x',
      '--secret',
      `FROM_FLAG=${secret('flag')}`,
    ]);
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toContain('API_TOKEN');
  });

  it('refuses a run whose message repeats a secret of the run, before anything is stored', async () => {
    const flag = secret('flag');
    const outcome = await run([
      ...['agent', 'execute', 'leaks-agent', '--message', `use ${flag}`, '--secret', `FROM_FLAG=${flag}`],
    ]);
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toContain('FROM_FLAG');
  });

  it('tells the model no secret', () => {
    const bytes = Buffer.from(JSON.stringify(model.requests));
    expect(model.requests.length).toBeGreaterThan(1);
    expect(searchLeaks(canaries, [{ name: 'model requests', bytes }])).toEqual([]);
  });

  it('keeps none in what the CLI printed, a stored execution included', async () => {
    for (const kind of ['workflowexecution', 'agentexecution', 'environment', 'session', 'agent', 'workflow'])
      succeeded(await run(['list', kind, '--output', 'json']));
    expect(searchLeaks(canaries, outputs)).toEqual([]);
  });

  it('keeps none in a database, the bus, a history, a log, a file, an argument or an environment, while a run is open', async () => {
    // A context exists during its run alone: that is when it must be searched too.
    const open = await startWaiting();
    const places = [...(await allPlaces(stack)), bus.place()];
    succeeded(await run(['cancel', open]));
    for (const kind of searched)
      expect([kind, places.some(({ name, bytes }) => name.startsWith(kind) && bytes.length > 0)]).toEqual([
        kind,
        true,
      ]);
    expect(searchLeaks(canaries, places)).toEqual([]);
  });

  it('finds a canary that is planted in each of these places', async () => {
    const planted = canary('planted');
    const child = spawn('sleep', ['60'], { env: { PLANTED: planted } });
    try {
      await plant(stack, planted);
      const ofChild = await processPlaces([{ name: 'child', pid: child.pid ?? 0 }]);
      const places = [...(await allPlaces(stack)), ...ofChild, bus.place()];
      const leaks = searchLeaks(new Map([['planted', planted]]), places);
      const found = new Set(leaks.map(({ place }) => place.split(' ')[0]));
      expect([...found].sort()).toEqual(['bus', 'file', 'mongodb', 'process', 'redis', 'temporal']);
    } finally {
      child.kill('SIGKILL');
    }
  });

  const startWaiting = async (): Promise<string> => {
    const started = succeeded(
      await run(['workflow', 'execute', 'leaks-waiting', '--trigger', 'x', '--no-wait', '--output', 'json']),
    );
    return (JSON.parse(started.stdout) as { metadata: { id: string } }).metadata.id;
  };
});

const searched = [
  'mongodb stigmer_environments',
  'mongodb stigmer_contexts',
  'mongodb stigmer_control',
  'bus',
  'temporal wex-',
  'temporal aex-',
  'file logs/',
  'process workflow-runner',
];

async function plant(stack: Stack, planted: string): Promise<void> {
  const { mongodb, redis: redisUrl, temporal } = await stack.status();
  await appendFile(join(stack.home, 'logs', 'gateway.log'), `{"msg":${JSON.stringify(planted)}}\n`);
  const connection = await mongoose.createConnection(mongodb, { dbName: 'stigmer_control' }).asPromise();
  await connection.collection('planted').insertOne({ note: planted });
  await connection.close();
  const redis = new Redis(redisUrl);
  await redis.set('planted', planted);
  await redis.publish('planted', planted);
  redis.disconnect();
  const client = await Connection.connect({ address: temporal });
  await new Client({ connection: client }).workflow.start('planted', {
    workflowId: 'planted',
    taskQueue: 'nobody-polls',
    args: [planted],
  });
  await client.close();
}

async function untilNoContext(stack: Stack): Promise<void> {
  await until('no context is left', async () => {
    const documents = await stack.documents('stigmer_contexts');
    return documents.some((document) => 'execution_id' in document) ? undefined : true;
  });
}
