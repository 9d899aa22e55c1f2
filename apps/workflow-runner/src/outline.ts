import type { Workflow } from '@stigmer/proto/agentic/workflow/v1/api';
import type { WorkflowTask } from '@stigmer/proto/agentic/workflow/v1/spec';
import { SwitchTaskConfigSchema } from '@stigmer/proto/agentic/workflow/v1/tasks/switch';
import { WaitTaskConfigSchema } from '@stigmer/proto/agentic/workflow/v1/tasks/wait';
import { WorkflowTaskKind } from '@stigmer/proto/commons/apiresource/enum';
import { TaskFailure } from './failure';
import type { Outline, OutlineTask } from './run-types';
import { configOf } from './tasks/run-task';

const DIRECTIVES: ReadonlySet<string> = new Set(['', 'continue', 'end', 'exit']);
const KINDS: ReadonlySet<WorkflowTaskKind> = new Set([
  ...[WorkflowTaskKind.SET, WorkflowTaskKind.HTTP_CALL, WorkflowTaskKind.SWITCH, WorkflowTaskKind.WAIT],
  ...[WorkflowTaskKind.RAISE, WorkflowTaskKind.CALL_ACTIVITY],
]);

/**
 * What the workflow needs to know of its tasks. What is wrong with the flow as a whole is found here, before the first
 * task has done anything: an unknown kind, two tasks of one name, a `then` that leads nowhere.
 */
export function outlineOf(workflow: Workflow, timeLimitSeconds: number): Outline {
  const tasks = workflow.spec?.tasks ?? [];
  const names = tasks.map(({ name }) => name);
  const problems = [
    ...(tasks.length === 0 ? ['the workflow has no tasks that this runner can run'] : []),
    ...names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name) => `two tasks are called ${name}`),
    ...tasks.flatMap((task) => problemsOf(task, new Set(names))),
  ];
  if (problems.length > 0) throw new TaskFailure('InvalidTask', problems.join('; '));
  return { tasks: tasks.map(outlineTask), timeLimitSeconds };
}

function problemsOf(task: WorkflowTask, names: ReadonlySet<string>): readonly string[] {
  if (!KINDS.has(task.kind)) {
    const kind = WorkflowTaskKind[task.kind] as string | undefined;
    return [`${task.name}: this runner does not run tasks of kind ${kind ?? task.kind}`];
  }
  return targetsOf(task)
    .filter((then) => !DIRECTIVES.has(then) && !names.has(then))
    .map((then) => `${task.name}: then leads to ${then}, and there is no such task`);
}

function targetsOf(task: WorkflowTask): readonly string[] {
  const { then, cases = [] } = outlineTask(task);
  return [then, ...cases];
}

function outlineTask(task: WorkflowTask): OutlineTask {
  const outlined = { name: task.name, then: task.flow?.then ?? '' };
  if (task.kind === WorkflowTaskKind.WAIT) {
    return { ...outlined, waitSeconds: configOf(WaitTaskConfigSchema, task).seconds };
  }
  if (task.kind === WorkflowTaskKind.SWITCH) {
    return { ...outlined, cases: configOf(SwitchTaskConfigSchema, task).cases.map(({ then }) => then) };
  }
  return outlined;
}
