import { ExecutionPhase } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import { connect } from '@stigmer/sdk';
import { Client, Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { startReceiver, type Receiver } from './receiver';
import { apply, callTo, ended, environment, startRun, waitFor, workflowWith } from './runs';
import { startStack, type Stack } from './stack';
import { patiently, until } from './until';

const TOKEN = 'crash-token-5d2f90';
const { TIMEOUT_TYPE_HEARTBEAT } = temporal.api.enums.v1.TimeoutType;
const services = [
  'gateway',
  'control-plane',
  'resolver-service',
  'execution-context-service',
  'environment-service',
  'workflow-runner',
];

describe('what a kill -9 leaves behind', () => {
  let stack: Stack;
  let receiver: Receiver;
  let terminated: { readonly id: string; readonly at: Date };
  /** What a call to the receiver gets: nothing, until a test says otherwise. */
  let answer: { status: number; body: string } | undefined;

  beforeAll(async () => {
    receiver = await startReceiver(() => answer);
    stack = await startStack();
    const tell = { name: 'tell', kind: 'SET', task_config: { variables: { told: 'yes' } } };
    await apply(
      stack,
      environment('crash', TOKEN),
      workflowWith('crash', 'calling', callTo(receiver.url)),
      workflowWith('crash', 'waiting', waitFor(600)),
      workflowWith('crash', 'resting', waitFor(3), tell),
    );
    // The sweep takes its time, so this one is settled while the first test runs.
    terminated = await terminate();
  });
  afterAll(async () => {
    await stack.stop();
    await receiver.close();
  });

  const onTemporal = async <T>(ask: (client: Client) => Promise<T>): Promise<T> => {
    const connection = await Connection.connect({ address: (await stack.status()).temporal });
    try {
      return await ask(new Client({ connection }));
    } finally {
      await connection.close();
    }
  };
  /** Starts a run that waits, and ends its workflow behind the back of everybody else. */
  const terminate = async (): Promise<{ readonly id: string; readonly at: Date }> => {
    const id = await startRun(stack, 'waiting');
    return onTemporal(async (client) => {
      const handle = client.workflow.getHandle(id);
      await until('the run waits', async () => {
        const { events = [] } = await handle.fetchHistory();
        return events?.find(({ timerStartedEventAttributes: timer }) => timer != null);
      });
      expect(await contextsOf(id)).toBe(1);
      await handle.terminate('by an operator');
      const { closeTime } = await handle.describe();
      if (closeTime === undefined) throw new Error('it was not terminated');
      return { id, at: closeTime };
    });
  };
  /** How Temporal came to try the one task of a run again, and after how many seconds it does so. */
  const retried = (id: string) =>
    onTemporal(async (client) => {
      const events = (await client.workflow.getHandle(id).fetchHistory()).events ?? [];
      const second = events
        .map(({ activityTaskStartedEventAttributes: started }) => started)
        .find((started) => started?.attempt === 2);
      const scheduled = events.find(
        ({ eventId }) => String(eventId) === String(second?.scheduledEventId),
      )?.activityTaskScheduledEventAttributes;
      const seconds = Number(scheduled?.heartbeatTimeout?.seconds);
      return { because: second?.lastFailure?.timeoutFailureInfo?.timeoutType, seconds };
    });
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
      until(`${names.join(', ')} up again`, async () => {
        const parts = await partsNamed(names);
        return parts.every(({ state, pid }) => state === 'up' && !pids.includes(pid)) ? true : undefined;
      });
  };

  it('by the runner in the middle of a task: another attempt finishes it, within a minute', async () => {
    const id = await startRun(stack, 'calling');
    await until('the first attempt calls', () => receiver.received[0]);
    await kill('workflow-runner');
    answer = { status: 200, body: '{"ok":true}' };
    expect((await ended(stack, id)).status?.phase).toBe(ExecutionPhase.EXECUTION_COMPLETED);
    // The minute is Temporal's to keep: that long without a heartbeat, then a second until the next attempt.
    expect(await retried(id)).toEqual({ because: TIMEOUT_TYPE_HEARTBEAT, seconds: 30 });
    expect(receiver.received.map(({ headers }) => headers.authorization)).toEqual([
      `Bearer ${TOKEN}`,
      `Bearer ${TOKEN}`,
    ]);
    expect(await contextsOf(id)).toBe(0);
  });

  it('by Redis: nothing is lost and nothing breaks', async () => {
    await kill('redis');
    const outcome = await stack.stigmer(['workflow', 'execute', 'resting', '--trigger', 'x']);
    expect(outcome).toMatchObject({ code: 0 });
  });

  it('by an operator who terminated the run on Temporal: no context and FAILED, within 60 s', async () => {
    const { status } = await ended(stack, terminated.id);
    expect(status?.phase).toBe(ExecutionPhase.EXECUTION_FAILED);
    expect(status?.error).toContain('terminated');
    expect(Date.parse(status?.completedAt ?? '') - terminated.at.getTime()).toBeLessThan(60_000);
    expect(await contextsOf(terminated.id)).toBe(0);
  });

  it('by the database: what was acknowledged is there, and a run goes on', async () => {
    const id = await startRun(stack, 'resting');
    const environment = `{apiVersion: agentic.stigmer.ai/v1, kind: Environment, metadata: {name: acknowledged}, spec: {data: {KEY: {value: kept}}}}`;
    expect(await stack.stigmer(['apply', '-f', '-'], { input: environment })).toMatchObject({ code: 0 });
    const restarted = await kill('mongodb');
    await restarted();
    const server = connect({ address: await stack.gateway() });
    try {
      const read = await patiently(() =>
        server.environments.getByReference({ slug: 'acknowledged', org: 'default' }),
      );
      expect(read.spec?.data['KEY']?.value).toBe('kept');
    } finally {
      server.close();
    }
    expect((await ended(stack, id)).status?.phase).toBe(ExecutionPhase.EXECUTION_COMPLETED);
    expect(await contextsOf(id)).toBe(0);
  });

  it('by Temporal: a run goes on where it was', async () => {
    const id = await startRun(stack, 'resting');
    const restarted = await kill('temporal');
    await restarted();
    expect((await ended(stack, id)).status?.phase).toBe(ExecutionPhase.EXECUTION_COMPLETED);
    expect(await contextsOf(id)).toBe(0);
  });

  it('by all services at once: a run that waited ends, and a new one runs', async () => {
    const id = await startRun(stack, 'resting');
    const restarted = await kill(...services);
    await restarted();
    expect((await ended(stack, id)).status?.phase).toBe(ExecutionPhase.EXECUTION_COMPLETED);
    const outcome = await stack.stigmer(['workflow', 'execute', 'resting', '--trigger', 'x']);
    expect(outcome).toMatchObject({ code: 0 });
    const contexts = await stack.documents('stigmer_contexts');
    expect(contexts.filter((document) => 'execution_id' in document)).toEqual([]);
  });
});
