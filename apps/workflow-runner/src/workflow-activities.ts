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
import { TaskFailure } from './failure';
import { jsonBytes, type Json } from './json';
import type { Surroundings } from './mcp/launch';
import { outlineOf } from './outline';
import { ifStillThere, persistently } from './writes';
import type {
  ExecuteTaskInput,
  ExecuteTaskResult,
  FinishInput,
  RunState,
  Step,
  WorkflowActivities,
} from './run-types';
import { withSecrets, type RunSecrets } from './secrets';
import { runTask } from './tasks/run-task';
import type { TaskResult } from './tasks/task';
import { finishedStatus, startedStatus, taskStatus } from './workflow-status';

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
const {
  WORKFLOW_TASK_IN_PROGRESS: IN_PROGRESS,
  WORKFLOW_TASK_COMPLETED: COMPLETED,
  WORKFLOW_TASK_FAILED: FAILED,
} = WorkflowTaskStatus;

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
      const run = await snapshotOf(clients, input.executionId);
      return withSecrets(clients, input.executionId, (secrets) => executeTask(deps, input, run, secrets));
    },

    async completeWait({ executionId, step }) {
      const task = taskAt(await snapshotOf(clients, executionId), step);
      await writeTask(clients, executionId, task, step, COMPLETED);
    },

    async destroyContext(executionId) {
      await clients.vault.destroy({ executionId });
      log.info({ executionId }, 'context destroyed');
    },

    async finishWorkflow(input) {
      const { executionId, outcome } = input;
      await ifStillThere(async () => {
        const tasks = await unfinishedTask(clients, input);
        await clients.workflowExecutions.updateStatus({
          executionId,
          status: { ...finishedStatus(outcome), tasks },
        });
      });
      log.info({ executionId, phase: outcome.phase }, 'workflow ended');
    },
  };
}

async function executeTask(
  deps: WorkflowDeps,
  input: ExecuteTaskInput,
  run: WorkflowRun,
  secrets: RunSecrets,
): Promise<ExecuteTaskResult> {
  const { executionId, step, state } = input;
  const { clients, surroundings } = deps;
  const signal = Context.current().cancellationSignal;
  const task = taskAt(run, step);
  await writeTask(clients, executionId, task, step, IN_PROGRESS);
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
    if (task.kind !== WorkflowTaskKind.WAIT) {
      const { output } = result;
      await persistently(() => writeTask(clients, executionId, task, step, COMPLETED, { output }), signal);
    }
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
): Promise<ExecuteTaskResult> {
  const as = task.export?.as ?? '';
  if (as === '') return done;
  const output = done.output === undefined ? (state.output ?? null) : done.output;
  const exported = await evaluator.overOutput(as, 'export.as', output);
  return { ...done, context: { ...done.context, [task.name]: exported } };
}

function refuseOversized({ output, context }: ExecuteTaskResult, state: RunState): void {
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

/** The task that a failure or a cancellation found running. */
async function unfinishedTask(clients: Clients, { executionId, outcome, step }: FinishInput) {
  if (step === undefined || outcome.phase === 'completed') return [];
  const task = taskAt(await snapshotOf(clients, executionId), step);
  const error = outcome.phase === 'failed' ? outcome.error.message : 'cancelled';
  return [taskStatus(task, step, FAILED, { error })];
}

async function writeTask(
  clients: Clients,
  executionId: string,
  task: WorkflowTask,
  step: Step,
  status: WorkflowTaskStatus,
  extra: { readonly output?: Json } = {},
): Promise<void> {
  await clients.workflowExecutions.updateStatus({
    executionId,
    status: { tasks: [taskStatus(task, step, status, extra)] },
  });
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
