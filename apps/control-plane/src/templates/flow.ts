import { type Suggest, suggestFew } from '@stigmer/domain';
import type { WorkflowTask } from '@stigmer/proto/agentic/workflow/v1/spec';
import type { TaskConfig } from './task-config';

/** Where a flow may go besides to a task: on to the next one, or to the end. */
const DIRECTIVES: ReadonlySet<string> = new Set(['continue', 'end', 'exit']);

/** A task and its configuration, where that could be read. */
export interface ReadTask {
  readonly task: WorkflowTask;
  readonly read: TaskConfig | undefined;
}

/** Names that are used twice or mean something else, and targets that lead nowhere; by the task's index. */
export function flowFaults(tasks: readonly ReadTask[]): ReadonlyMap<number, readonly string[]> {
  const names = tasks.map(({ task }) => task.name);
  const near = suggestFew();
  return new Map(
    tasks.map(({ task, read }, index) => [
      index,
      [
        ...(names.indexOf(task.name) < index ? ['name: is already the name of another task'] : []),
        ...(DIRECTIVES.has(task.name) ? ['name: means something else as a target'] : []),
        ...targetsOf(task, read)
          .filter(({ target }) => !DIRECTIVES.has(target) && !names.includes(target))
          .map(({ field, target }) => `${field}: ${unknownTarget(target, names, near)}`),
      ],
    ]),
  );
}

/**
 * The longest that a run can spend in WAIT tasks alone, in seconds, over all ways from the first task to the end.
 * A jump back is not followed: how often it is taken nobody knows before the run.
 */
export function longestWait(tasks: readonly ReadTask[]): number {
  const indexOf = new Map(tasks.map(({ task }, index) => [task.name, index]));
  const longest: number[] = [];
  for (let index = tasks.length - 1; index >= 0; index--) {
    const entry = tasks[index];
    if (entry === undefined) continue;
    const own = entry.read?.kind === 'wait' ? entry.read.config.seconds : 0;
    const after = nextOf(entry, index, indexOf).map((next) => (next > index ? (longest[next] ?? 0) : 0));
    longest[index] = own + Math.max(0, ...after);
  }
  return Math.max(0, ...longest);
}

function nextOf(
  { task, read }: ReadTask,
  index: number,
  indexOf: ReadonlyMap<string, number>,
): readonly number[] {
  const targets = targetsOf(task, read).map(({ target }) => target);
  const named = targets.map((target) => (target === 'continue' ? index + 1 : (indexOf.get(target) ?? -1)));
  const leaves = (task.flow?.then ?? '') !== '';
  return leaves ? named : [...named, index + 1];
}

function targetsOf(
  task: WorkflowTask,
  read: TaskConfig | undefined,
): readonly { field: string; target: string }[] {
  const own = task.flow?.then ?? '';
  const cases = read?.kind === 'switch' ? read.config.cases : [];
  return [
    ...(own === '' ? [] : [{ field: 'flow.then', target: own }]),
    ...cases.map(({ then }, index) => ({ field: `task_config.cases[${index}].then`, target: then })),
  ];
}

function unknownTarget(target: string, names: readonly string[], near: Suggest): string {
  const meant = near(target, names);
  const hint = meant === undefined ? 'or continue, end, exit' : `did you mean ${meant}?`;
  return `must be the name of a task; ${hint}`;
}
