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
    - { name: rest, kind: WAIT, task_config: { seconds: 3 } }
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
  let terminated: { readonly id: string; readonly at: number };
  /** What a call to the receiver gets: nothing, until a test says otherwise. */
  let answer: { status: number; body: string } | undefined;

  beforeAll(async () => {
    receiver = await startReceiver(() => answer);
    stack = await startStack();
    folder = await mkdtemp(join(tmpdir(), 'stigmer-crash-'));
    await writeFile(join(folder, 'crash.yaml'), manifests(receiver.url));
    expect(await stack.stigmer(['apply', join(folder, 'crash.yaml')])).toMatchObject({ code: 0 });
    // The sweep takes its time, so this one is settled while the first test runs.
    terminated = await terminate();
  });
  afterAll(async () => {
    await stack.stop();
    await receiver.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Starts a run that waits, and ends its workflow behind the back of everybody else. */
  const terminate = async (): Promise<{ readonly id: string; readonly at: number }> => {
    const id = await start('waiting');
    const connection = await Connection.connect({ address: (await stack.status()).temporal });
    try {
      const handle = new Client({ connection }).workflow.getHandle(id);
      await until('the run waits', async () => {
        const { events = [] } = await handle.fetchHistory();
        return events?.find(({ timerStartedEventAttributes: timer }) => timer != null);
      });
      expect(await contextsOf(id)).toBe(1);
      await handle.terminate('by an operator');
      return { id, at: Date.now() };
    } finally {
      await connection.close();
    }
  };
  const start = async (workflow: string): Promise<string> => {
    const started = await stack.json(['workflow', 'execute', workflow, '--trigger', 'x', '--no-wait']);
    return (started as Execution).metadata.id;
  };
  const read = async (id: string): Promise<Execution> =>
    (await stack.json(['get', 'workflowexecution', id])) as Execution;
  const ended = (id: string, deadlineMs: number): Promise<Execution> =>
    until(
      `${id} ends`,
      async () => {
        const execution = await read(id);
        return /COMPLETED|FAILED|CANCELLED/.test(execution.status?.phase ?? '') ? execution : undefined;
      },
      deadlineMs,
    );
  const contextsOf = async (id: string): Promise<number> => {
    const contexts = await stack.documents('stigmer_contexts');
    return contexts.filter(({ execution_id: of }) => of === id).length;
  };
  const partsNamed = async (names: readonly string[]) =>
    (await stack.status()).parts.filter(({ name }) => names.includes(name));
  /** Kills parts all at once and returns what waits until the supervisor has brought them up again. */
  const kill = async (...names: readonly string[]): Promise<() => Promise<unknown>> => {
    const killed = await partsNamed(names);
    for (const { pid } of killed) process.kill(pid, 'SIGKILL');
    const pids = killed.map(({ pid }) => pid);
    return () =>
      until(
        `${names.join(', ')} up again`,
        async () => {
          const parts = await partsNamed(names);
          return parts.every(({ state, pid }) => state === 'up' && !pids.includes(pid)) ? true : undefined;
        },
        90_000,
      );
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

  it('by Redis: nothing is lost and nothing breaks', async () => {
    await kill('redis');
    const outcome = await stack.stigmer(['workflow', 'execute', 'resting', '--trigger', 'x']);
    expect(outcome).toMatchObject({ code: 0 });
  });

  it('by an operator who terminated the run on Temporal: no context and FAILED, within 60 s', async () => {
    const execution = await ended(terminated.id, 60_000 - (Date.now() - terminated.at));
    expect(execution.status).toMatchObject({
      phase: expect.stringContaining('FAILED'),
      error: expect.stringContaining('terminated'),
    });
    expect(await contextsOf(terminated.id)).toBe(0);
  });

  it('by the database: what was acknowledged is there, and a run goes on', async () => {
    const id = await start('resting');
    const environment = `{apiVersion: agentic.stigmer.ai/v1, kind: Environment, metadata: {name: acknowledged}, spec: {data: {KEY: {value: kept}}}}`;
    expect(await stack.stigmer(['apply', '-f', '-'], { input: environment })).toMatchObject({ code: 0 });
    const restarted = await kill('mongodb');
    await restarted();
    const read = await stack.json(['get', 'environment', 'acknowledged']);
    expect(read).toMatchObject({ spec: { data: { KEY: { value: 'kept' } } } });
    expect((await ended(id, 60_000)).status?.phase).toContain('COMPLETED');
    expect(await contextsOf(id)).toBe(0);
  });

  it('by Temporal: a run goes on where it was', async () => {
    const id = await start('resting');
    const restarted = await kill('temporal');
    await restarted();
    expect((await ended(id, 60_000)).status?.phase).toContain('COMPLETED');
    expect(await contextsOf(id)).toBe(0);
  });

  it('by all services at once: a run that waited ends, and a new one runs', async () => {
    const id = await start('resting');
    const restarted = await kill(...services);
    await restarted();
    expect((await ended(id, 60_000)).status?.phase).toContain('COMPLETED');
    const outcome = await stack.stigmer(['workflow', 'execute', 'resting', '--trigger', 'x']);
    expect(outcome).toMatchObject({ code: 0 });
    const contexts = await stack.documents('stigmer_contexts');
    expect(contexts.filter((document) => 'execution_id' in document)).toEqual([]);
  });
});
