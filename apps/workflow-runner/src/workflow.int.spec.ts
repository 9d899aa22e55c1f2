import { ExecutionPhase, WorkflowTaskStatus } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import { EVERYTHING, historyText, startHarness, type Harness } from './testing/runner-harness';
import { startReceiver } from './testing/receiver';
import { workflowRun, type TaskSketch } from './testing/workflow-runs';

const { WORKFLOW_TASK_COMPLETED: COMPLETED } = WorkflowTaskStatus;
const CANARY = 'canary-7d1f-4b2e-secret-value';

describe('a workflow execution', () => {
  let harness: Harness;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  const meanwhile = Promise.withResolvers<undefined>();
  beforeAll(async () => {
    harness = await startHarness();
    receiver = await startReceiver(({ url, headers }, response) => {
      const end = () => response.writeHead(200).end('{}');
      if (url.startsWith('/fail')) response.writeHead(422).end(`no: ${headers.authorization ?? ''}`);
      else if (url.startsWith('/hang')) return;
      // Longer than a status waits to be written, and not before what the test does meanwhile.
      else if (url.startsWith('/slow')) void meanwhile.promise.then(() => setTimeout(end, 1_500));
      else
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ seen: headers.authorization, n: 1 }));
    });
  });
  afterAll(async () => {
    receiver.close();
    await harness.stop();
  });

  const statusOf = (id: string) => {
    const status = harness.farSide.workflowStatuses.get(id);
    if (status === undefined) throw new Error('no status was written');
    return status;
  };

  it('sends a secret, masks what comes back, keeps state, and destroys its context', async () => {
    const handle = await harness.start(
      'workflow',
      workflowRun(
        [
          {
            name: 'describe',
            kind: 'SET',
            config: { variables: { summary: 'got ${ .trigger.message }', n: '${ 40 + 2 }' } },
          },
          {
            name: 'notify',
            kind: 'HTTP_CALL',
            config: {
              method: 'POST',
              endpoint: { uri: '${ .env_vars.URL }/hook?k=${.secrets.TOKEN}' },
              headers: { Authorization: 'Bearer ${.secrets.TOKEN}' },
              body: {
                level: '${ .env_vars.LEVEL }',
                n: '${ $context.n }',
                nested: [{ s: 'x${.secrets.TOKEN}' }],
              },
            },
            as: '${ . }',
          },
          {
            name: 'choose',
            kind: 'SWITCH',
            config: { cases: [{ name: 'one', when: '${ $context.notify.n == 1 }', then: 'pause' }] },
          },
          { name: 'skipped', kind: 'RAISE', config: { error: 'never', message: 'never' } },
          { name: 'pause', kind: 'WAIT', config: { seconds: 1 } },
          { name: 'last', kind: 'SET', config: { variables: { all: '${ $context }' } }, then: 'end' },
          { name: 'after', kind: 'RAISE', config: { error: 'never', message: 'never' } },
        ],
        { TOKEN: [CANARY, true], LEVEL: ['info', false], URL: [receiver.url, false] },
        'go',
      ),
    );
    await handle.result();
    const request = receiver.received.at(-1);
    expect(request?.headers.authorization).toBe(`Bearer ${CANARY}`);
    expect(request?.url).toBe(`/hook?k=${CANARY}`);
    expect(JSON.parse(request?.body ?? '')).toEqual({ level: 'info', n: 42, nested: [{ s: `x${CANARY}` }] });
    const status = statusOf(handle.workflowId);
    expect(status.phase).toBe(ExecutionPhase.EXECUTION_COMPLETED);
    expect(status.output).toEqual({
      all: { summary: 'got go', n: 42, notify: { seen: 'Bearer ********', n: 1 } },
    });
    expect(status.tasks.map(({ taskName, status: state }) => [taskName, state])).toEqual(
      ['describe', 'notify', 'choose', 'pause', 'last'].map((name) => [name, COMPLETED]),
    );
    expect(harness.farSide.destroyed).toContain(handle.workflowId);
    expect(await historyText(handle)).toContain('got go'); // the search sees into payloads
    await expectNoCanary(handle);
  });

  it('calls an MCP tool whose server gets its own variables and nothing else', async () => {
    const handle = await harness.start(
      'workflow',
      workflowRun(
        [
          {
            name: 'look',
            kind: 'CALL_ACTIVITY',
            config: {
              activity: 'mcp/call-tool',
              input: {
                server: {
                  name: 'everything',
                  stdio: {
                    command: process.execPath,
                    args: [EVERYTHING],
                    env_placeholders: { NOTICE: 'x-${TOKEN}' },
                  },
                },
                tool: 'get-env',
                arguments: {},
              },
            },
          },
        ],
        { TOKEN: [CANARY, true], OTHER: ['another-canary-value', true] },
      ),
    );
    await handle.result();
    const { output } = statusOf(handle.workflowId);
    expect(Object.keys(output ?? {}).sort()).toEqual(['HOME', 'LANG', 'NOTICE', 'PATH', 'TMPDIR']);
    expect(output).toMatchObject({ NOTICE: 'x-********', HOME: `${harness.homes}/wfl-test` });
    await expectNoCanary(handle);
  });

  it('fails with a typed, masked error, marks the task, and destroys its context', async () => {
    const handle = await harness.start(
      'workflow',
      workflowRun(
        [
          {
            name: 'call',
            kind: 'HTTP_CALL',
            config: {
              method: 'GET',
              endpoint: { uri: `${receiver.url}/fail` },
              headers: { Authorization: '${.secrets.TOKEN}' },
            },
          },
        ],
        { TOKEN: [CANARY, true] },
      ),
    );
    await expect(handle.result()).rejects.toThrow();
    const status = statusOf(handle.workflowId);
    expect(status.phase).toBe(ExecutionPhase.EXECUTION_FAILED);
    expect(status.error).toBe(
      `HttpFailed: task call: GET ${receiver.url}: the server answers 422: no: ********`,
    );
    expect(status.tasks).toMatchObject([
      { taskName: 'call', status: WorkflowTaskStatus.WORKFLOW_TASK_FAILED },
    ]);
    expect(harness.farSide.destroyed).toContain(handle.workflowId);
    await expectNoCanary(handle);
    const lines = harness
      .log()
      .split('\n')
      .filter((line) => line.includes(handle.workflowId) && line.includes('failed'));
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'info', failure: 'HttpFailed', activity: 'executeTask', msg: 'an activity failed' },
      { level: 'info', failure: 'HttpFailed', phase: 'failed', msg: 'workflow ended' },
      { level: 'info', msg: 'a run failed' },
    ]);
    expect(harness.log()).not.toContain('Temporal warns');
  });

  it('writes its status at most four times a second, and in the end all of it', async () => {
    const quick = Array.from({ length: 30 }, (_, index): TaskSketch => {
      const name = `task-${index}`;
      return index % 3 === 0
        ? { name, kind: 'HTTP_CALL', config: { method: 'GET', endpoint: { uri: `${receiver.url}/quick` } } }
        : { name, kind: 'SET', config: { variables: { index: `\${ ${index} }` } } };
    });
    const handle = await harness.start('workflow', workflowRun(quick));
    await handle.result();
    const times = harness.farSide.writtenAt.get(handle.workflowId) ?? [];
    expect(times.length).toBeGreaterThanOrEqual(2);
    for (const [index, time] of times.entries())
      expect(time - (times[index - 4] ?? -Infinity)).toBeGreaterThan(1_000);
    const { tasks } = statusOf(handle.workflowId);
    expect(tasks.map(({ taskName }) => taskName)).toEqual(quick.map(({ name }) => name));
    expect(new Set(tasks.map(({ status }) => status))).toEqual(new Set([COMPLETED]));
    expect(tasks.at(-1)?.output).toEqual({ index: 29 });
  });

  it('writes at once what is too much to be held back', async () => {
    const large = (name: string): TaskSketch => ({
      name,
      kind: 'SET',
      config: { variables: { text: '${ "0123456789" * 10000 }' } },
    });
    const handle = await harness.start(
      'workflow',
      workflowRun([large('one'), large('two'), { name: 'pause', kind: 'WAIT', config: { seconds: 0 } }]),
    );
    await handle.result();
    expect(statusOf(handle.workflowId).tasks).toMatchObject(
      ['one', 'two', 'pause'].map((taskName) => ({
        taskName,
        status: COMPLETED,
      })),
    );
  });

  it('ends, without another task, when its execution was deleted meanwhile', async () => {
    const call = (name: string, path: string): TaskSketch => ({
      name,
      kind: 'HTTP_CALL',
      config: { method: 'GET', endpoint: { uri: `${receiver.url}${path}` } },
    });
    const handle = await harness.start(
      'workflow',
      workflowRun([call('first', '/slow'), call('second', '/after-deletion')]),
    );
    while (!receiver.received.some(({ url }) => url.startsWith('/slow')))
      await new Promise((done) => setTimeout(done, 50));
    harness.farSide.delete(handle.workflowId);
    meanwhile.resolve(undefined);
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'not-found' } });
    expect(receiver.received.map(({ url }) => url)).not.toContain('/after-deletion');
    expect(harness.farSide.destroyed).toContain(handle.workflowId);
  });

  it('is cancelled in the middle of a request, and destroys its context', async () => {
    const handle = await harness.start(
      'workflow',
      workflowRun(
        [
          { name: 'before', kind: 'SET', config: { variables: { done: 'yes' } } },
          {
            name: 'call',
            kind: 'HTTP_CALL',
            config: {
              method: 'GET',
              endpoint: { uri: `${receiver.url}/hang?\${.secrets.TOKEN}` },
              timeout_seconds: 60,
            },
          },
        ],
        { TOKEN: [CANARY, true] },
      ),
    );
    while (!receiver.received.some(({ url }) => url.startsWith('/hang')))
      await new Promise((done) => setTimeout(done, 50));
    const states = () =>
      harness.farSide.workflowStatuses.get(handle.workflowId)?.tasks.map(({ status }) => status) ?? [];
    while (states().length < 2) await new Promise((done) => setTimeout(done, 50));
    expect(states()).toEqual([COMPLETED, WorkflowTaskStatus.WORKFLOW_TASK_IN_PROGRESS]);
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow();
    expect(states()).toEqual([COMPLETED, WorkflowTaskStatus.WORKFLOW_TASK_FAILED]);
    expect((await handle.describe()).status.name).toBe('CANCELLED');
    expect(statusOf(handle.workflowId).phase).toBe(ExecutionPhase.EXECUTION_CANCELLED);
    expect(harness.farSide.destroyed).toContain(handle.workflowId);
    await expectNoCanary(handle);
  });

  it('refuses to run under an id that is not the execution’s, and destroys nothing', async () => {
    const handle = await harness.client.workflow.start('runWorkflow', {
      taskQueue: 'stigmer-workflows',
      workflowId: 'wex-other',
      args: ['wex-victim'],
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'WorkflowIdMismatch' } });
    expect(harness.farSide.destroyed).not.toContain('wex-victim');
  });

  it('fails for good when its context is gone', async () => {
    const run = {
      ...workflowRun([{ name: 'a', kind: 'SET', config: { variables: { a: '1' } } }]),
      variables: undefined,
    };
    const handle = await harness.start('workflow', run);
    await expect(handle.result()).rejects.toThrow();
    expect(statusOf(handle.workflowId).error).toBe(
      'ContextGone: the context of this run is gone or has expired',
    );
  });

  async function expectNoCanary(handle: Parameters<typeof historyText>[0]): Promise<void> {
    expect(await historyText(handle)).not.toContain(CANARY);
    expect(JSON.stringify(harness.farSide.writes, bigintAsText)).not.toContain(CANARY);
    expect(harness.log()).not.toContain(CANARY);
  }
});

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
