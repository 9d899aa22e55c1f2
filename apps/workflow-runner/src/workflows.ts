import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  log,
  proxyActivities,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  AgentActivities,
  Outcome,
  Outline,
  OutlineTask,
  Progress,
  RunError,
  RunState,
  Step,
  TaskChange,
  WorkflowActivities,
} from './run-types';

/**
 * The two workflow types. They decide order and time and nothing else: whatever needs a secret, a clock of the world or
 * the network is an activity. Each takes the execution's id and keeps nothing in its history that was not masked.
 */

/** Activities are cancelled before the context is destroyed: `WAIT` sees them out. */
const patient = {
  heartbeatTimeout: '30s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
} as const;
const retry = { initialInterval: '1s', maximumInterval: '30s', maximumAttempts: 30 } as const;

const { beginWorkflow, executeTask, completeWait } = proxyActivities<WorkflowActivities>({
  ...patient,
  startToCloseTimeout: '1h',
  retry,
});
const { beginAgent, converse } = proxyActivities<AgentActivities>({
  ...patient,
  startToCloseTimeout: '25h',
  retry,
});
const { destroyContext } = proxyActivities<WorkflowActivities>({
  startToCloseTimeout: '10s',
  // After this the phase is written all the same, and the control-plane's sweep destroys.
  scheduleToCloseTimeout: '60s',
  retry: { initialInterval: '1s', backoffCoefficient: 1 },
});
const { finishWorkflow, finishAgent } = proxyActivities<WorkflowActivities & AgentActivities>({
  startToCloseTimeout: '20s',
  // No limit: nobody else knows how the run ended.
  retry: { initialInterval: '1s', maximumInterval: '10s' },
});

/** Flow control can go back; this many steps fit well into one history. */
const MAX_STEPS = 1_000;

/** Runs a workflow execution, task by task. */
export async function runWorkflow(executionId: string): Promise<void> {
  refuseAnotherId(executionId);
  const position: Position = { executionId, progress: { writtenAt: 0, held: [] }, step: undefined };
  const outcome = await outcomeOf(async () => {
    const outline = await beginWorkflow(executionId);
    position.progress = { writtenAt: Date.now(), held: [] };
    return withTimeLimit(outline.timeLimitSeconds, () => walk(outline, position));
  });
  const { step, progress } = position;
  await settle(executionId, outcome, () =>
    finishWorkflow({ executionId, outcome, held: progress.held, ...(step === undefined ? {} : { step }) }),
  );
}

/** Where a run is, for its end to see, however it comes. */
interface Position {
  readonly executionId: string;
  progress: Progress;
  /** The step that is running, if one is. */
  step: Step | undefined;
}

/** Runs an agent execution: one conversation, in one activity. */
export async function runAgent(executionId: string): Promise<void> {
  refuseAnotherId(executionId);
  const outcome = await outcomeOf(async () => {
    const { timeLimitSeconds } = await beginAgent(executionId);
    await withTimeLimit(timeLimitSeconds, () => converse(executionId));
    return undefined;
  });
  await settle(executionId, outcome, () => finishAgent({ executionId, outcome }));
}

/** A workflow started under another id could open, and at its end destroy, a context that is not its own. */
function refuseAnotherId(executionId: string): void {
  if (workflowInfo().workflowId !== executionId) {
    log.warn('the workflow’s id is not the execution’s id');
    throw ApplicationFailure.nonRetryable(
      'the workflow’s id is not the execution’s id',
      'WorkflowIdMismatch',
    );
  }
}

async function walk(outline: Outline, position: Position): Promise<RunState['output']> {
  let state: RunState = { context: {} };
  const visits = new Map<number, number>();
  let index = 0;
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    const task = outline.tasks[index];
    if (task === undefined) return state.output;
    const visit = (visits.get(index) ?? 0) + 1;
    visits.set(index, visit);
    const step = { index, visit, startedAt: new Date().toISOString() };
    position.step = step;
    const result = await runStep(task, step, state, position);
    position.step = undefined;
    state = {
      context: { ...state.context, ...result.context },
      output: result.output === undefined ? state.output : result.output,
    };
    index = follow(targetOf(task, result), index, outline);
  }
  throw ApplicationFailure.nonRetryable(
    `the workflow has taken ${MAX_STEPS} steps without an end`,
    'LimitReached',
  );
}

async function runStep(
  task: OutlineTask,
  step: Step,
  state: RunState,
  position: Position,
): Promise<TaskChange> {
  const { executionId } = position;
  const { progress, ...change } = await executeTask({
    ...{ executionId, step, state },
    progress: position.progress,
  });
  position.progress = progress;
  if (task.waitSeconds === undefined) return change;
  await sleep(task.waitSeconds * 1_000);
  position.progress = await completeWait({ executionId, step, progress });
  return change;
}

/** A SWITCH's chosen case goes before the task's own `then`. */
function targetOf({ then, cases }: OutlineTask, { chosen }: TaskChange): string {
  return chosen === undefined ? then : (cases?.[chosen] ?? then);
}

/** `then`: continue (or nothing), end or exit, or a task's name. */
function follow(then: string, index: number, { tasks }: Outline): number {
  switch (then) {
    case '':
    case 'continue':
      return index + 1;
    case 'end':
    case 'exit':
      return tasks.length;
    default: {
      const target = tasks.findIndex(({ name }) => name === then);
      if (target !== -1) return target;
      throw ApplicationFailure.nonRetryable(
        `the flow leads to a task that does not exist: ${then}`,
        'InvalidTask',
      );
    }
  }
}

/** A timer of ours: a time limit of the server's would end the workflow without running its last steps. */
async function withTimeLimit<T>(seconds: number, body: () => Promise<T>): Promise<T> {
  const root = CancellationScope.current();
  try {
    return await CancellationScope.withTimeout(seconds * 1_000, body);
  } catch (error) {
    if (!isCancellation(error) || root.consideredCancelled) throw error;
    throw ApplicationFailure.nonRetryable(
      `the run has reached its time limit of ${seconds} s`,
      'LimitReached',
    );
  }
}

async function outcomeOf(body: () => Promise<RunState['output']>): Promise<Outcome> {
  try {
    return { phase: 'completed', output: await body() };
  } catch (error) {
    return isCancellation(error) ? { phase: 'cancelled' } : { phase: 'failed', error: describe(error) };
  }
}

/** Activities fail with messages that are masked already; anything else here is our own. */
function describe(error: unknown): RunError {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) return { type: cause.type ?? 'Internal', message: cause.message };
  if (error instanceof ActivityFailure)
    return { type: 'Unavailable', message: 'no worker finished the step in time' };
  return { type: 'Internal', message: 'internal error in the workflow' };
}

/** The real end, which a cancellation does not reach: the context goes first, then the phase says that all is over. */
async function settle(executionId: string, outcome: Outcome, finish: () => Promise<void>): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    try {
      await destroyContext(executionId);
    } catch {
      log.warn('the context could not be destroyed in time; the sweep will do it');
    }
    await finish();
  });
  switch (outcome.phase) {
    case 'completed':
      return;
    case 'failed':
      throw ApplicationFailure.nonRetryable(outcome.error.message, outcome.error.type);
    case 'cancelled':
      throw new CancelledFailure('cancelled'); // so that Temporal too calls it cancelled
  }
}
