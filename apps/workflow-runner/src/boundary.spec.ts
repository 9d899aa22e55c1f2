import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { notFound, unavailable, WORKFLOW_TYPES } from '@stigmer/domain';
import { createLogger } from '@stigmer/service';
import { Boundary, toApplicationFailure } from './boundary';
import { TaskFailure } from './failure';

const CANARY = 'canary-1d80-boundary';

const RUN = 'wex-own';
const OWN = { workflowExecution: { workflowId: RUN, runId: 'r' }, workflowType: WORKFLOW_TYPES.workflow };

describe('what leaves an activity that failed', () => {
  const lines: string[] = [];
  const log = createLogger('workflow-runner', 'info', {
    write: (line) => {
      lines.push(line);
    },
  });

  const failureOf = async (thrown: unknown, attempt = 1): Promise<ApplicationFailure> => {
    const environment = new MockActivityEnvironment(
      { ...OWN, attempt },
      {
        logger: new DefaultLogger('ERROR'),
        interceptors: [(context) => ({ inbound: new Boundary(context, log) })],
      },
    );
    try {
      await environment.run(async (executionId: string) => {
        await Promise.resolve();
        if (executionId === RUN) throw thrown;
      }, RUN);
    } catch (error) {
      return error as ApplicationFailure;
    }
    throw new Error('it did not fail');
  };

  it('is an id and nothing else where nobody foresaw the error; the log gets the same id and the place', async () => {
    const error = Object.assign(new TypeError(`boom ${CANARY}`, { cause: new Error(CANARY) }), {
      body: CANARY,
    });
    error.name = CANARY;
    const failure = await failureOf(error);
    expect(failure).toMatchObject({
      type: 'Internal',
      message: expect.stringMatching(/^internal error \([-0-9a-f]{36}\)$/),
    });
    expect(failure.cause).toBeUndefined();
    expect(JSON.stringify([failure, failure.message, failure.stack])).not.toContain(CANARY);
    expect(lines.at(-1)).toContain(/\((.*)\)/.exec(failure.message)?.[1]);
    expect(lines.at(-1)).toContain('boundary.spec');
    expect(lines.join('')).not.toContain(CANARY);
  });

  it('has no stack and no cause, which would end up in the history', async () => {
    const failure = await failureOf(new TaskFailure('HttpFailed', 'the message', { retryable: true }));
    expect(failure).toMatchObject({
      type: 'HttpFailed',
      message: 'the message',
      nonRetryable: false,
      stack: '',
    });
    expect(failure.cause).toBeUndefined();
  });

  it.each([
    ['an outside party', new TaskFailure('HttpFailed', 'x', { retryable: true }), 5],
    ['an unforeseen error', new Error('x'), 5],
  ])('is final on the fifth attempt: %s', async (_, error, attempt) => {
    expect((await failureOf(error, attempt - 1)).nonRetryable).toBe(false);
    expect((await failureOf(error, attempt)).nonRetryable).toBe(true);
  });

  it('says of a service of ours that is down that it may be tried again, as often as the policy allows', async () => {
    const failure = await failureOf(unavailable('control-plane is unavailable'), 20);
    expect(failure).toMatchObject({ type: 'Unavailable', nonRetryable: false });
    expect(await failureOf(notFound('Execution', 'x'))).toMatchObject({
      type: 'not-found',
      nonRetryable: true,
    });
  });

  it('is a cancellation when the activity was cancelled, whatever it threw', async () => {
    const environment = new MockActivityEnvironment(OWN, {
      logger: new DefaultLogger('ERROR'),
      interceptors: [(context) => ({ inbound: new Boundary(context, log) })],
    });
    const run = environment.run(async (executionId: string) => {
      environment.cancel();
      await Promise.resolve();
      throw new Error(CANARY + executionId);
    }, RUN);
    const error = await run.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CancelledFailure);
    expect(String(error)).not.toContain(CANARY);
  });

  it('is masked before it is cut', () => {
    const text = `${'x'.repeat(3_990)}${CANARY}`;
    const failure = toApplicationFailure(new TaskFailure('T', text), 1, (said) =>
      said.replaceAll(CANARY, '********'),
    );
    expect(failure.message).toHaveLength(3_998);
    expect(failure.message).not.toContain('canary');
  });
});

describe('an activity is begun', () => {
  const log = createLogger('workflow-runner', 'silent');
  const begin = async (
    argument: unknown,
    info: { readonly workflowType?: string } = {},
  ): Promise<unknown> => {
    const environment = new MockActivityEnvironment(
      { ...OWN, ...info },
      {
        logger: new DefaultLogger('ERROR'),
        interceptors: [(context) => ({ inbound: new Boundary(context, log) })],
      },
    );
    return environment.run((given: unknown) => Promise.resolve(given), argument);
  };

  it.each([RUN, { executionId: RUN, step: {} }])('with the id of its own run: %j', async (argument) => {
    expect(await begin(argument)).toEqual(argument);
    expect(await begin(argument, { workflowType: WORKFLOW_TYPES.agent })).toEqual(argument);
  });

  it.each([
    ['the id of another run', 'wex-victim', {}],
    ['the id of another run as a field', { executionId: 'wex-victim' }, {}],
    ['an id that is no text', { executionId: [RUN] }, {}],
    ['no id', undefined, {}],
    ['its own id, by a workflow that is not ours', RUN, { workflowType: 'rogue' }],
  ])('not with %s', async (_, argument, info) => {
    await expect(begin(argument, info)).rejects.toMatchObject({
      type: 'WorkflowIdMismatch',
      nonRetryable: true,
    });
  });
});
