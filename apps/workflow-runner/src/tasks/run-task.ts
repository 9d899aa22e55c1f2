import { fromJson, type DescMessage, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import type { WorkflowTask } from '@stigmer/proto/agentic/workflow/v1/spec';
import { CallActivityTaskConfigSchema } from '@stigmer/proto/agentic/workflow/v1/tasks/call_activity';
import { HttpCallTaskConfigSchema } from '@stigmer/proto/agentic/workflow/v1/tasks/http_call';
import { RaiseTaskConfigSchema } from '@stigmer/proto/agentic/workflow/v1/tasks/raise';
import { SetTaskConfigSchema } from '@stigmer/proto/agentic/workflow/v1/tasks/set';
import { SwitchTaskConfigSchema } from '@stigmer/proto/agentic/workflow/v1/tasks/switch';
import { WorkflowTaskKind } from '@stigmer/proto/commons/apiresource/enum';
import { TaskFailure } from '../failure';
import { runCallActivity, type ActivityContext } from './call-activity';
import { runHttpCall } from './http-call';
import { runRaise } from './raise';
import { runSet } from './set';
import { runSwitch } from './switch';
import type { TaskResult } from './task';

/** Runs one task by its kind. WAIT is no work: the workflow itself waits. */
export async function runTask(task: WorkflowTask, context: ActivityContext): Promise<TaskResult> {
  switch (task.kind) {
    case WorkflowTaskKind.SET:
      return runSet(configOf(SetTaskConfigSchema, task), context);
    case WorkflowTaskKind.HTTP_CALL:
      return runHttpCall(configOf(HttpCallTaskConfigSchema, task), context);
    case WorkflowTaskKind.SWITCH:
      return runSwitch(configOf(SwitchTaskConfigSchema, task), context);
    case WorkflowTaskKind.RAISE:
      return runRaise(configOf(RaiseTaskConfigSchema, task), context);
    case WorkflowTaskKind.CALL_ACTIVITY:
      return runCallActivity(configOf(CallActivityTaskConfigSchema, task), context);
    case WorkflowTaskKind.WAIT:
      return {};
    case WorkflowTaskKind.UNSPECIFIED:
    case WorkflowTaskKind.GRPC_CALL:
    case WorkflowTaskKind.FOR:
    case WorkflowTaskKind.FORK:
    case WorkflowTaskKind.TRY:
    case WorkflowTaskKind.LISTEN:
    case WorkflowTaskKind.RUN:
    case WorkflowTaskKind.AGENT_CALL:
      throw new TaskFailure(
        'InvalidTask',
        `this runner does not run tasks of kind ${WorkflowTaskKind[task.kind]}`,
      );
  }
}

/** A task's configuration as its kind's message; `task_config` is free-form on the wire. */
export function configOf<S extends DescMessage>(schema: S, task: WorkflowTask): MessageShape<S> {
  try {
    return fromJson(schema, (task.taskConfig ?? {}) as JsonValue);
  } catch {
    // protobuf's message quotes what it could not read.
    throw new TaskFailure('InvalidTask', `task_config: is no ${schema.name}`);
  }
}
