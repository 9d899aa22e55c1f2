import { Context } from '@temporalio/activity';
import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { WorkflowTaskStatus } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import type { WorkflowTask } from '@stigmer/proto/agentic/workflow/v1/spec';
import { WorkflowTaskKind } from '@stigmer/proto/commons/apiresource/enum';
import type { WorkflowRun } from '@stigmer/proto/internal/v1/execution_snapshots';
import type { Logger } from '@stigmer/service';
import { asTaskFailure } from './boundary';
import type { Clients } from './clients';
import { Evaluator, type Scope } from './expression/evaluator';
import type { Jq } from './expression/jq';
import { endOf, TaskFailure } from './failure';
import { jsonBytes, type Json } from './json';
import type { Surroundings } from './mcp/launch';
import { outlineOf } from './outline';
import { ProgressWriter } from './progress';
import type {
  ExecuteTaskInput,
  FinishedStep,
  FinishWorkflowInput,
  RunState,
  Step,
  StepInput,
  TaskChange,
  WorkflowActivities,
} from './run-types';
import { withSecrets, type RunSecrets } from './secrets';
import { runTask } from './tasks/run-task';
import type { TaskResult } from './tasks/task';
import { finishedStatus, finishedTaskStatus, startedStatus, taskStatus } from './workflow-status';
import { ifStillThere } from './writes';

/** What the activities of workflows work with. */
export interface WorkflowDeps {
  readonly clients: Clients;
  readonly jq: Jq;
  readonly surroundings: Surroundings;
  readonly timeLimitSeconds: number;
  readonly log: Logger;
}

/** Temporal refuses a payload of 2 MiB; the state goes in one, with little beside it. */
const STATE_BYTES = 1536 * 1024;
const OUTPUT_BYTES = 1024 * 1024;
const { WORKFLOW_TASK_IN_PROGRESS: IN_PROGRESS, WORKFLOW_TASK_FAILED: FAILED } = WorkflowTaskStatus;

/**
 * The activities of `runWorkflow`. All are normal activities, not local ones: a local activity lives inside a workflow
 * task, has no heartbeat, and after a crash is repeated together with the others of that task; a request that was sent
 * must be repeated as seldom as can be.
 */
export function createWorkflowActivities(deps: WorkflowDeps): WorkflowActivities {
  const { clients, log } = deps;
  return {
    async beginWorkflow(executionId) {
      const { workflow } = await snapshotOf(clients, executionId);
      if (workflow === undefined)
        throw new TaskFailure('InvalidTask', 'the execution’s snapshot has no workflow');
      const outline = outlineOf(workflow, deps.timeLimitSeconds);
      await clients.workflowExecutions.updateStatus({ executionId, status: startedStatus(executionId) });
      log.info({ executionId, tasks: outline.tasks.length }, 'workflow begun');
      return outline;
    },

    async executeTask(input) {
      const { executionId, step } = input;
      const run = await snapshotOf(clients, executionId);
      const { kind } = taskAt(run, step);
      const writer = progressWriter(clients, run, input);
      const work = () =>
        withSecrets(clients, executionId, (secrets) => executeTask(deps, input, run, secrets));
      const change = await (takesTime(kind) ? writer.during(step, work) : work());
      const progress = await (kind === WorkflowTaskKind.WAIT
        ? writer.running(step)
        : writer.finished(step, change.output));
      return { ...change, progress };
    },

    async completeWait(input) {
      const run = await snapshotOf(clients, input.executionId);
      return progressWriter(clients, run, input).finished(input.step);
    },

    async destroyContext(executionId) {
      await clients.vault.destroy({ executionId });
      log.info({ executionId }, 'context destroyed');
    },

    async finishWorkflow(input) {
      const { executionId, outcome } = input;
      await ifStillThere(async () => {
        const tasks = await lastTasks(clients, input);
        await clients.workflowExecutions.updateStatus({
          executionId,
          status: { ...finishedStatus(outcome), tasks },
        });
      });
      log.info({ executionId, ...endOf(outcome) }, 'workflow ended');
    },
  };
}

async function executeTask(
  deps: WorkflowDeps,
  input: ExecuteTaskInput,
  run: WorkflowRun,
  secrets: RunSecrets,
): Promise<TaskChange> {
  const { executionId, step, state } = input;
  const { surroundings } = deps;
  const signal = Context.current().cancellationSignal;
  const task = taskAt(run, step);
  const jq = deps.jq.session();
  const evaluator = new Evaluator(jq, scopeOf(run, state, secrets));
  try {
    const owner = run.workflow?.metadata?.id ?? executionId;
    const done = await runTask(task, {
      evaluator,
      signal,
      variables: secrets.variables,
      owner,
      surroundings,
    });
    secrets.add(evaluator.derivedSecrets);
    const result = await withExport(task, secrets.masker.json(done), state, evaluator);
    refuseOversized(result, state);
    return result;
  } catch (error) {
    secrets.add(evaluator.derivedSecrets);
    throw atTask(error, task);
  } finally {
    await jq.close();
  }
}

/** `export.as` sees the masked output: what it makes is kept. The result is `$context.<task>`. */
async function withExport(
  task: WorkflowTask,
  done: TaskResult,
  state: RunState,
  evaluator: Evaluator,
): Promise<TaskChange> {
  const as = task.export?.as ?? '';
  if (as === '') return done;
  const output = done.output === undefined ? (state.output ?? null) : done.output;
  const exported = await evaluator.overOutput(as, 'export.as', output);
  return { ...done, context: { ...done.context, [task.name]: exported } };
}

function refuseOversized({ output, context }: TaskChange, state: RunState): void {
  if (output !== undefined && jsonBytes(output) > OUTPUT_BYTES) {
    throw new TaskFailure('AnswerTooLarge', 'the output is larger than 1 MiB');
  }
  if (
    jsonBytes({ context: { ...state.context, ...context }, output: output ?? state.output ?? null }) >
    STATE_BYTES
  ) {
    throw new TaskFailure(
      'StateTooLarge',
      'context and output together are larger than 1.5 MiB; export less, as in ${ .items | length }',
    );
  }
}

/** A SET, a SWITCH or a RAISE is over before anybody could read that it is running. WAIT's work is the workflow's. */
function takesTime(kind: WorkflowTaskKind): boolean {
  return kind === WorkflowTaskKind.HTTP_CALL || kind === WorkflowTaskKind.CALL_ACTIVITY;
}

/** The tasks that the status does not know as done yet, and the one that a failure or a cancellation found running. */
async function lastTasks(clients: Clients, { executionId, outcome, held, step }: FinishWorkflowInput) {
  const running = outcome.phase === 'completed' ? undefined : step;
  if (held.length === 0 && running === undefined) return [];
  const run = await snapshotOf(clients, executionId);
  const done = held.map((one) => finishedTaskStatus(taskAt(run, one.step), one));
  if (running === undefined) return done;
  const error = outcome.phase === 'failed' ? outcome.error.message : 'cancelled';
  return [...done, taskStatus(taskAt(run, running), running, FAILED, { error })];
}

function progressWriter(
  clients: Clients,
  run: WorkflowRun,
  { executionId, progress }: StepInput,
): ProgressWriter {
  const write = async (done: readonly FinishedStep[], running?: Step) => {
    const tasks = done.map((one) => finishedTaskStatus(taskAt(run, one.step), one));
    if (running !== undefined) tasks.push(taskStatus(taskAt(run, running), running, IN_PROGRESS));
    await clients.workflowExecutions.updateStatus({ executionId, status: { tasks } });
  };
  return new ProgressWriter(progress, write, Context.current().cancellationSignal);
}

async function snapshotOf({ snapshots }: Clients, executionId: string): Promise<WorkflowRun> {
  const { run } = await snapshots.get({ executionId });
  if (run.case !== 'workflow') throw new TaskFailure('InvalidTask', 'the execution is not a workflow’s');
  return run.value;
}

function taskAt({ workflow }: WorkflowRun, { index }: Step): WorkflowTask {
  const task = workflow?.spec?.tasks[index];
  if (task === undefined) throw new TaskFailure('InvalidTask', `the workflow has no task ${index}`);
  return task;
}

function scopeOf(
  { execution }: WorkflowRun,
  { context, output }: RunState,
  { variables }: RunSecrets,
): Scope {
  const spec = execution?.spec;
  const input = spec?.input === undefined ? {} : (toJson(ValueSchema, spec.input) as Json);
  const trigger = { message: spec?.triggerMessage ?? '', metadata: spec?.triggerMetadata ?? {} };
  return { input, trigger, context, output: output === undefined ? input : output, variables };
}

/** A failure says in which task it happened; its type stays, since programs go by it. */
function atTask(error: unknown, { name }: WorkflowTask): unknown {
  const failure = asTaskFailure(error);
  if (failure === undefined) return error;
  return new TaskFailure(failure.type, `task ${name}: ${failure.message}`, { retryable: failure.retryable });
}
