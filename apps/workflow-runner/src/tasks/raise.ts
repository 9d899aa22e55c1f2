import type { RaiseTaskConfig } from '@stigmer/proto/agentic/workflow/v1/tasks/raise';
import { TaskFailure } from '../failure';
import { KEPT, type TaskContext } from './task';

/** RAISE: ends the run with a failure of the workflow's own type. */
export async function runRaise(config: RaiseTaskConfig, { evaluator }: TaskContext): Promise<never> {
  const type = await evaluator.string(config.error, 'error', () => KEPT);
  const message = await evaluator.string(config.message, 'message', () => KEPT);
  throw new TaskFailure(type, message);
}
