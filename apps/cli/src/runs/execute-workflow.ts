import { create, fromJson } from '@bufbuild/protobuf';
import { ValueSchema, type Value } from '@bufbuild/protobuf/wkt';
import { WorkflowExecutionSchema } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { withServer } from '../client';
import type { Context } from '../context';
import { note } from '../output/print';
import { API_VERSION } from '../resources/kinds';
import { UsageError } from '../usage-error';
import { gatherVariables, refuseWithoutTerminal } from '../variables/collect';
import type { VariableFlags } from '../variables/flags';
import { toRuntimeEnv } from '../variables/runtime-env';
import { newId } from './execution-id';
import { readInput } from './input';
import { executeRun } from './run';
import { findTarget } from './target';
import { workflows } from './templates';
import { workflowRuns } from './workflow-runs';

export interface WorkflowRunFlags extends VariableFlags {
  readonly trigger: string;
  readonly input?: string;
  readonly instance?: string;
  readonly wait: boolean;
}

/** Runs a workflow. */
export async function executeWorkflow(context: Context, ref: string, flags: WorkflowRunFlags): Promise<void> {
  if (flags.input === '-' && flags.secret.some((secret) => secret.endsWith('=-'))) {
    throw new UsageError('--input - and --secret NAME=- cannot both read the standard input');
  }
  refuseWithoutTerminal(context, flags);
  const input = await inputValue(context, flags.input);
  const variables = await gatherVariables(context, flags);
  await withServer(context, async (server) => {
    const target = await findTarget(server, workflows, ref, flags.instance);
    if (target.note !== undefined) note(context, target.note);
    const id = newId(workflowRuns.idPrefix);
    const execution = create(WorkflowExecutionSchema, {
      apiVersion: API_VERSION,
      kind: 'WorkflowExecution',
      metadata: { id, name: id, org: context.org, ownerScope: ApiResourceOwnerScope.organization },
      spec: {
        workflowId: target.template.metadata?.id ?? ref,
        workflowInstanceId: target.instance?.metadata?.id ?? '',
        triggerMessage: flags.trigger,
        input,
        runtimeEnv: toRuntimeEnv(await variables.complete()),
      },
    });
    await executeRun(context, server, workflowRuns, execution, flags.wait);
  });
}

async function inputValue(context: Context, input: string | undefined): Promise<Value | undefined> {
  return input === undefined ? undefined : fromJson(ValueSchema, await readInput(input, context.io.stdin));
}
