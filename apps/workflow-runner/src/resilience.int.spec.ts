import { setTimeout as delay } from 'node:timers/promises';
import { ExecutionPhase } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import type { WorkflowHandle } from '@temporalio/client';
import { startReceiver } from './testing/receiver';
import { startHarness, type Harness } from './testing/runner-harness';
import { workflowRun, type TaskSketch } from './testing/workflow-runs';

/** Long enough for every other run here, on a busy machine too. */
const TIME_LIMIT_S = 45;

describe('a run, when something is missing', () => {
  let harness: Harness;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  let endless: WorkflowHandle;
  let undestroyable: WorkflowHandle;
  beforeAll(async () => {
    harness = await startHarness({ workflowTimeLimitSeconds: TIME_LIMIT_S });
    receiver = await startReceiver(({ url }, response) => {
      const answer = () => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(url === '/large' ? JSON.stringify('x'.repeat(900_000)) : '{"ok":true}');
      };
      // So slow that the end of the task is a write of its own.
      setTimeout(answer, url === '/slow' ? 1_000 : 0);
    });
    // These two take a minute, beside the others.
    endless = await harness.start(
      'workflow',
      workflowRun([{ name: 'pause', kind: 'WAIT', config: { seconds: 600 } }]),
    );
    harness.farSide.down.add('destroy wex-undestroyable');
    undestroyable = await harness.client.workflow.start('runWorkflow', {
      taskQueue: 'stigmer-workflows',
      workflowId: 'wex-undestroyable',
      args: ['wex-undestroyable'],
    });
  });
  afterAll(async () => {
    receiver.close();
    await harness.stop();
  });

  const call = (path = '/'): TaskSketch => ({
    name: 'call',
    kind: 'HTTP_CALL',
    config: { method: 'POST', endpoint: { uri: `${receiver.url}${path}` } },
    as: '${ . }',
  });
  const statusOf = ({ workflowId }: WorkflowHandle) => harness.farSide.workflowStatuses.get(workflowId);

  it('waits for a context service that is down, and then does its work', async () => {
    harness.farSide.down.add('getByExecutionId');
    const handle = await harness.start('workflow', workflowRun([call()]));
    await delay(1_500);
    const before = receiver.received.length;
    harness.farSide.down.delete('getByExecutionId');
    await handle.result();
    expect(receiver.received.length - before).toBe(1);
    expect(statusOf(handle)?.phase).toBe(ExecutionPhase.EXECUTION_COMPLETED);
  });

  it('does not repeat a request because its status could not be written', async () => {
    const before = receiver.received.length;
    const handle = await harness.start(
      'workflow',
      workflowRun([{ name: 'pause', kind: 'WAIT', config: { seconds: 1 } }, call('/slow')]),
    );
    while (receiver.received.length === before) {
      // Down from some moment around the request on: whichever write it hits, the request is sent once.
      const { tasks = [] } = statusOf(handle) ?? {};
      if (tasks.some(({ taskName }) => taskName === 'call')) harness.farSide.down.add('updateStatus');
      await delay(2);
    }
    harness.farSide.down.add('updateStatus');
    await delay(2_000);
    harness.farSide.down.delete('updateStatus');
    await handle.result();
    expect(receiver.received.length - before).toBe(1);
    expect(statusOf(handle)?.phase).toBe(ExecutionPhase.EXECUTION_COMPLETED);
  });

  it('goes back in its flow as often as it is told', async () => {
    const handle = await harness.start(
      'workflow',
      workflowRun([
        { name: 'count', kind: 'SET', config: { variables: { n: '${ ($context.n // 0) + 1 }' } } },
        {
          name: 'more',
          kind: 'SWITCH',
          config: { cases: [{ name: 'again', when: '${ $context.n < 3 }', then: 'count' }] },
        },
        { name: 'done', kind: 'SET', config: { variables: { result: '${ $context.n }' } } },
      ]),
    );
    await handle.result();
    expect(statusOf(handle)?.output).toEqual({ result: 3 });
    expect(statusOf(handle)?.tasks.map(({ taskId }) => taskId)).toEqual([
      'count',
      'more',
      'count#2',
      'more#2',
      'count#3',
      'more#3',
      'done',
    ]);
  });

  it('fails by name, not in Temporal’s depths, when it keeps more than a history takes', async () => {
    const handle = await harness.start('workflow', workflowRun([call('/large')]));
    await expect(handle.result()).rejects.toThrow();
    expect(statusOf(handle)?.error).toMatch(/^StateTooLarge: task call: /);
  });

  it('raises the type that a workflow names', async () => {
    const raise = {
      name: 'stop',
      kind: 'RAISE',
      config: { error: 'Budget', message: 'over by ${ 40 + 2 }' },
    } as const;
    const handle = await harness.start('workflow', workflowRun([raise]));
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'Budget' } });
    expect(statusOf(handle)?.error).toBe('Budget: task stop: over by 42');
  });

  it.each<[string, TaskSketch]>([
    ['SET', { name: 't', kind: 'SET', config: { variables: { a: '${.secrets.S}' } } }],
    ['RAISE', { name: 't', kind: 'RAISE', config: { error: 'e', message: '${.secrets.S}' } }],
    ['export', { name: 't', kind: 'SET', config: { variables: {} }, as: '${.secrets.S}' }],
  ])('refuses a secret in %s at run time too', async (_, task) => {
    const handle = await harness.start('workflow', workflowRun([task], { S: ['the-secret-value', true] }));
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'SecretRefused' } });
  });

  it('ends at its time limit, by its own last steps', async () => {
    await expect(endless.result()).rejects.toThrow();
    expect(statusOf(endless)).toMatchObject({
      phase: ExecutionPhase.EXECUTION_FAILED,
      error: `LimitReached: the run has reached its time limit of ${TIME_LIMIT_S} s`,
    });
    expect(harness.farSide.destroyed).toContain(endless.workflowId);
  });

  it('writes its phase all the same when its context cannot be destroyed for a minute', async () => {
    await expect(undestroyable.result()).rejects.toThrow();
    expect(statusOf(undestroyable)?.phase).toBe(ExecutionPhase.EXECUTION_FAILED);
    const { events } = await undestroyable.fetchHistory();
    const scheduled = (events ?? []).flatMap(
      ({ eventTime, activityTaskScheduledEventAttributes: activity }) =>
        activity == null ? [] : [{ name: activity.activityType?.name, second: Number(eventTime?.seconds) }],
    );
    const ends = scheduled.filter(({ name }) => name !== 'beginWorkflow');
    expect(ends.map(({ name }) => name)).toEqual(['destroyContext', 'finishWorkflow']);
    // A minute; Temporal does not begin an attempt that would end after it.
    const [destroying = NaN, finishing = NaN] = ends.map(({ second }) => second);
    expect(finishing - destroying).toBeGreaterThanOrEqual(30);
  });
});
