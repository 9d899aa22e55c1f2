import type { SetTaskConfig } from '@stigmer/proto/agentic/workflow/v1/tasks/set';
import type { Json } from '../json';
import { KEPT, type TaskContext, type TaskResult } from './task';

/** SET: variables of the run's context, readable as `$context.<name>` from then on. */
export async function runSet(config: SetTaskConfig, { evaluator }: TaskContext): Promise<TaskResult> {
  const entries: [string, Json][] = [];
  for (const [name, text] of Object.entries(config.variables)) {
    entries.push([name, await evaluator.text(text, `variables.${name}`, KEPT)]);
  }
  const variables = Object.fromEntries(entries);
  return { output: variables, context: variables };
}
