import { WorkflowTaskKind } from '@stigmer/proto/commons/apiresource/enum';
import type { FarRun } from './far-side';

type Kind = 'SET' | 'HTTP_CALL' | 'SWITCH' | 'WAIT' | 'RAISE' | 'CALL_ACTIVITY' | 'FOR';

/** One task in few words. */
export interface TaskSketch {
  readonly name: string;
  readonly kind: Kind;
  readonly config: Readonly<Record<string, unknown>>;
  readonly then?: string;
  readonly as?: string;
}

/** A workflow run for the far side. */
export function workflowRun(
  tasks: readonly TaskSketch[],
  variables: FarRun['variables'] = {},
  triggerMessage = '',
): FarRun {
  return {
    variables,
    snapshot: {
      run: {
        case: 'workflow',
        value: {
          execution: { spec: { triggerMessage } },
          workflow: {
            metadata: { id: 'wfl-test' },
            spec: {
              tasks: tasks.map(({ name, kind, config, then, as }) => ({
                name,
                kind: WorkflowTaskKind[kind],
                taskConfig: config as Record<string, never>,
                ...(then === undefined ? {} : { flow: { then } }),
                ...(as === undefined ? {} : { export: { as } }),
              })),
            },
          },
        },
      },
    },
  };
}
