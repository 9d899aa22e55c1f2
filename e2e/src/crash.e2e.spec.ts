import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { startReceiver, type Receiver } from './receiver';
import { startStack, type Stack } from './stack';
import { until } from './until';

const services = [
  'gateway',
  'control-plane',
  'resolver-service',
  'execution-context-service',
  'environment-service',
  'workflow-runner',
];

interface Execution {
  readonly metadata: { readonly id: string };
  readonly status?: { readonly phase?: string; readonly error?: string };
}

const manifests = (receiverUrl: string): string => `
apiVersion: agentic.stigmer.ai/v1
kind: Environment
metadata: { name: crash }
spec: { data: { TOKEN: { value: crash-token-5d2f90, is_secret: true } } }
---
apiVersion: agentic.stigmer.ai/v1
kind: Workflow
metadata: { name: calling }
spec:
  document: { dsl: 1.0.0, namespace: crash, name: calling, version: 1.0.0 }
  env_spec: { data: { TOKEN: { is_secret: true } } }
  tasks:
    - name: call
      kind: HTTP_CALL
      task_config:
        method: GET
        endpoint: { uri: ${receiverUrl} }
        headers: { Authorization: "Bearer \${.secrets.TOKEN}" }
        timeout_seconds: 120
---
apiVersion: agentic.stigmer.ai/v1
kind: Workflow
metadata: { name: waiting }
spec:
  document: { dsl: 1.0.0, namespace: crash, name: waiting, version: 1.0.0 }
  env_spec: { data: { TOKEN: { is_secret: true } } }
  tasks:
    - { name: wait, kind: WAIT, task_config: { seconds: 600 } }
---
apiVersion: agentic.stigmer.ai/v1
kind: Workflow
metadata: { name: resting }
spec:
  document: { dsl: 1.0.0, namespace: crash, name: resting, version: 1.0.0 }
  env_spec: { data: { TOKEN: { is_secret: true } } }
  tasks:
    - { name: rest, kind: WAIT, task_config: { seconds: 5 } }
    - { name: tell, kind: SET, task_config: { variables: { told: "yes" } } }
---
apiVersion: agentic.stigmer.ai/v1
kind: WorkflowInstance
metadata: { name: calling-own }
spec: { workflow_id: calling, env_refs: [crash] }
---
apiVersion: agentic.stigmer.ai/v1
kind: WorkflowInstance
metadata: { name: waiting-own }
spec: { workflow_id: waiting, env_refs: [crash] }
---
apiVersion: agentic.stigmer.ai/v1
kind: WorkflowInstance
metadata: { name: resting-own }
spec: { workflow_id: resting, env_refs: [crash] }
`;

describe('what a kill -9 leaves behind', () => {
  let stack: Stack;
  let receiver: Receiver;
  let folder: string;
  /** What a call to the receiver gets: nothing, until a test says otherwise. */
  let answer: { status: number; body: string } | undefined;

  beforeAll(async () => {
    receiver = await startReceiver(() => answer);
    stack = await startStack();
    folder = await mkdtemp(join(tmpdir(), 'stigmer-crash-'));
    await writeFile(join(folder, 'crash.yaml'), manifests(receiver.url));
    expect(await stack.stigmer(['apply', join(folder, 'crash.yaml')])).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await stack.stop();
    await receiver.close();
    await rm(folder, { recursive: true, force: true });
  });

  const start = async (workflow: string): Promise<string> => {
    const started = await stack.json(['workflow', 'execute', workflow, '--trigger', 'x', '--no-wait']);
    return (started as Execution).metadata.id;
  };
  const read = async (id: string): Promise<Execution> =>
    (await stack.json(['get', 'workflowexecution', id])) as Execution;
  /** The execution once it has ended, and how many milliseconds that took. */
  const ended = async (id: string, deadlineMs: number): Promise<Execution & { readonly after: number }> => {
    const since = Date.now();
    const execution = await until(
      `${id} ends`,
      async () => {
        const now = await read(id);
        return /COMPLETED|FAILED|CANCELLED/.test(now.status?.phase ?? '') ? now : undefined;
      },
      deadlineMs,
    );
    return { ...execution, after: Date.now() - since };
  };
  const contextsOf = async (id: string): Promise<number> => {
    const contexts = await stack.documents('stigmer_contexts');
    return contexts.filter(({ execution_id: of }) => of === id).length;
  };
  const pidOf = async (name: string): Promise<number> =>
    (await stack.status()).parts.find((part) => part.name === name)?.pid ?? NaN;
  const kill = async (name: string): Promise<void> => {
    process.kill(await pidOf(name), 'SIGKILL');
  };
  /** Kills a part and waits until the supervisor has brought it up again. */
  const restart = async (name: string): Promise<void> => {
    const before = await pidOf(name);
    process.kill(before, 'SIGKILL');
    await until(`${name} comes up again`, async () => {
      const part = (await stack.status()).parts.find((candidate) => candidate.name === name);
      return part?.state === 'up' && part.pid !== before ? part : undefined;
    });
  };

  it('by the runner in the middle of a task: another attempt finishes it, within a minute', async () => {
    const id = await start('calling');
    await until('the first attempt calls', () => receiver.received[0]);
    await kill('workflow-runner');
    answer = { status: 200, body: '{"ok":true}' };
    const execution = await ended(id, 60_000);
    expect(execution.status?.phase).toContain('COMPLETED');
    expect(receiver.received.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer crash-token-5d2f90',
      'Bearer crash-token-5d2f90',
    ]);
    expect(await contextsOf(id)).toBe(0);
  });

  it('by a run that was terminated on Temporal: no context and FAILED, within 60 s', async () => {
    const id = await start('waiting');
    const connection = await Connection.connect({ address: (await stack.status()).temporal });
    try {
      const handle = new Client({ connection }).workflow.getHandle(id);
      await until('the run waits', async () =>
        (await handle.fetchHistory()).events?.some(({ timerStartedEventAttributes: timer }) => timer != null)
          ? true
          : undefined,
      );
      expect(await contextsOf(id)).toBe(1);
      await handle.terminate('by an operator');
    } finally {
      await connection.close();
    }
    const execution = await ended(id, 60_000);
    expect(execution.status).toMatchObject({
      phase: expect.stringContaining('FAILED'),
      error: expect.stringContaining('terminated'),
    });
    expect(await contextsOf(id)).toBe(0);
  });

  it('by the database: what was acknowledged is there, and a run goes on', async () => {
    const id = await start('resting');
    const environment = `{apiVersion: agentic.stigmer.ai/v1, kind: Environment, metadata: {name: acknowledged}, spec: {data: {KEY: {value: kept}}}}`;
    expect(await stack.stigmer(['apply', '-f', '-'], { input: environment })).toMatchObject({ code: 0 });
    await restart('mongodb');
    const read = await stack.json(['get', 'environment', 'acknowledged']);
    expect(read).toMatchObject({ spec: { data: { KEY: { value: 'kept' } } } });
    expect((await ended(id, 60_000)).status?.phase).toContain('COMPLETED');
    expect(await contextsOf(id)).toBe(0);
  });

  it('by Temporal: a run goes on where it was', async () => {
    const id = await start('resting');
    await restart('temporal');
    expect((await ended(id, 60_000)).status?.phase).toContain('COMPLETED');
    expect(await contextsOf(id)).toBe(0);
  });

  it('by Redis: nothing is lost and nothing breaks', async () => {
    await kill('redis');
    const outcome = await stack.stigmer(['workflow', 'execute', 'resting', '--trigger', 'x']);
    expect(outcome).toMatchObject({ code: 0 });
  });

  it('by every service, one after the other: a run that waited ends, and a new one runs', async () => {
    const id = await start('resting');
    for (const service of services) await restart(service);
    expect((await ended(id, 60_000)).status?.phase).toContain('COMPLETED');
    const outcome = await stack.stigmer(['workflow', 'execute', 'resting', '--trigger', 'x']);
    expect(outcome).toMatchObject({ code: 0 });
    expect(await stack.documents('stigmer_contexts')).not.toContainEqual(
      expect.objectContaining({ execution_id: expect.any(String) }),
    );
  });
});
