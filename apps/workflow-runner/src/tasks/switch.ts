import { onlyExpression } from '@stigmer/domain';
import type { SwitchTaskConfig } from '@stigmer/proto/agentic/workflow/v1/tasks/switch';
import { TaskFailure } from '../failure';
import { parseTemplate } from '../expression/template';
import type { TaskContext, TaskResult } from './task';

/**
 * SWITCH: the first case whose `when` holds (jq's truth: all but false and null) says where the flow goes; a case
 * without `when` always holds. A secret may be asked about: which case was taken is all that remains of it.
 */
export async function runSwitch(config: SwitchTaskConfig, { evaluator }: TaskContext): Promise<TaskResult> {
  for (const [index, { when }] of config.cases.entries()) {
    const path = `cases[${index}].when`;
    if (when === '' || holds(await evaluator.text(asCondition(when, path), path, 'allowed'))) {
      return { chosen: index };
    }
  }
  return {};
}

function asCondition(when: string, path: string): string {
  if (onlyExpression(parseTemplate(when, path))) return when;
  // A bare text would always be true.
  throw new TaskFailure('InvalidTask', `${path}: must be one expression, as in \${ .output.ok }`);
}

function holds(value: unknown): boolean {
  return value !== null && value !== false;
}
