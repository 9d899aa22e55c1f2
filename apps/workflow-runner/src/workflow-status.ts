import { create, fromJson, type MessageInitShape, type JsonValue } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  WorkflowExecutionStatusSchema,
  WorkflowTaskSchema,
  type WorkflowTask as TaskStatus,
} from '@stigmer/proto/agentic/workflowexecution/v1/api';
import {
  ExecutionPhase,
  WorkflowTaskStatus,
  WorkflowTaskType,
} from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import type { WorkflowTask } from '@stigmer/proto/agentic/workflow/v1/spec';
import { WorkflowTaskKind } from '@stigmer/proto/commons/apiresource/enum';
import { isJsonObject, type Json, type JsonObject } from './json';
import type { FinishedStep, Outcome, Step } from './run-types';

/** The execution's status as this runner writes it. The control-plane merges: tasks by id, the rest where it is given. */
type Status = MessageInitShape<typeof WorkflowExecutionStatusSchema>;

/** The run has begun. */
export function startedStatus(executionId: string): Status {
  return { phase: ExecutionPhase.EXECUTION_IN_PROGRESS, startedAt: now(), temporalWorkflowId: executionId };
}

/** One task is done; its output is masked already. */
export function finishedTaskStatus(
  task: WorkflowTask,
  { step, completedAt, output }: FinishedStep,
): TaskStatus {
  return taskStatus(task, step, WorkflowTaskStatus.WORKFLOW_TASK_COMPLETED, { completedAt, output });
}

/** One task has reached a state; `output` is masked already. */
export function taskStatus(
  task: WorkflowTask,
  step: Step,
  status: WorkflowTaskStatus,
  extra: { completedAt?: string; output?: Json; error?: string } = {},
): TaskStatus {
  const ended = status !== WorkflowTaskStatus.WORKFLOW_TASK_IN_PROGRESS;
  return create(WorkflowTaskSchema, {
    taskId: step.visit === 1 ? task.name : `${task.name}#${step.visit}`,
    taskName: task.name,
    taskType: typeOf(task.kind),
    status,
    startedAt: step.startedAt,
    completedAt: ended ? (extra.completedAt ?? now()) : '',
    output: extra.output === undefined ? undefined : asStruct(extra.output),
    error: extra.error ?? '',
  });
}

/** The run is over: the last write, which the control-plane takes as final. */
export function finishedStatus(outcome: Outcome): Status {
  switch (outcome.phase) {
    case 'completed':
      return {
        phase: ExecutionPhase.EXECUTION_COMPLETED,
        completedAt: now(),
        ...(outcome.output === undefined
          ? {}
          : {
              output: asStruct(outcome.output),
              outputValue: fromJson(ValueSchema, outcome.output as JsonValue),
            }),
      };
    case 'failed':
      return {
        phase: ExecutionPhase.EXECUTION_FAILED,
        completedAt: now(),
        error: `${outcome.error.type}: ${outcome.error.message}`,
      };
    case 'cancelled':
      return { phase: ExecutionPhase.EXECUTION_CANCELLED, completedAt: now(), error: 'cancelled' };
  }
}

/** The contract's `output` is an object; whatever else a task gives is its `value` there, and whole in `output_value`. */
function asStruct(output: Json): JsonObject & Record<string, JsonValue> {
  return (isJsonObject(output) ? output : { value: output }) as JsonObject & Record<string, JsonValue>;
}

function typeOf(kind: WorkflowTaskKind): WorkflowTaskType {
  switch (kind) {
    case WorkflowTaskKind.HTTP_CALL:
    case WorkflowTaskKind.GRPC_CALL:
      return WorkflowTaskType.WORKFLOW_TASK_API_CALL;
    case WorkflowTaskKind.SET:
      return WorkflowTaskType.WORKFLOW_TASK_TRANSFORM;
    case WorkflowTaskKind.SWITCH:
      return WorkflowTaskType.WORKFLOW_TASK_CONDITIONAL;
    case WorkflowTaskKind.FORK:
      return WorkflowTaskType.WORKFLOW_TASK_PARALLEL;
    case WorkflowTaskKind.AGENT_CALL:
      return WorkflowTaskType.WORKFLOW_TASK_AGENT_INVOCATION;
    case WorkflowTaskKind.UNSPECIFIED:
    case WorkflowTaskKind.CALL_ACTIVITY:
    case WorkflowTaskKind.FOR:
    case WorkflowTaskKind.TRY:
    case WorkflowTaskKind.LISTEN:
    case WorkflowTaskKind.WAIT:
    case WorkflowTaskKind.RAISE:
    case WorkflowTaskKind.RUN:
      return WorkflowTaskType.WORKFLOW_TASK_CUSTOM;
  }
}

function now(): string {
  return new Date().toISOString();
}
