import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import type { WorkflowExecution, WorkflowTask } from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { WorkflowTaskStatus } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import { shortened } from './shortened';
import type { RunKind } from './run-kind';

/** Runs of workflows. */
export const workflowRuns: RunKind<WorkflowExecution> = {
  name: 'WorkflowExecution',
  idPrefix: 'wex',
  create: (server, execution) => server.workflowExecutions.create(execution),
  get: (server, value) => server.workflowExecutions.get({ value }),
  subscribe: (server, executionId, signal) =>
    server.workflowExecutions.subscribe({ executionId }, { signal }),
  cancel: (server, value) => server.workflowExecutions.cancel({ value }),
  progress,
  result: ({ status }) => {
    const output =
      status?.outputValue === undefined ? status?.output : toJson(ValueSchema, status.outputValue);
    return output === undefined ? '' : JSON.stringify(output, null, 2);
  },
};

function progress(before: WorkflowExecution | undefined, { status }: WorkflowExecution): readonly string[] {
  const known = new Map(before?.status?.tasks.map((task) => [task.taskId, task.status]));
  return (status?.tasks ?? []).filter((task) => known.get(task.taskId) !== task.status).flatMap(taskLine);
}

function taskLine({ taskName, status, error }: WorkflowTask): readonly string[] {
  switch (status) {
    case WorkflowTaskStatus.WORKFLOW_TASK_STATUS_UNSPECIFIED:
    case WorkflowTaskStatus.WORKFLOW_TASK_PENDING:
      return [];
    case WorkflowTaskStatus.WORKFLOW_TASK_IN_PROGRESS:
      return [`task ${taskName} started`];
    case WorkflowTaskStatus.WORKFLOW_TASK_COMPLETED:
      return [`task ${taskName} completed`];
    case WorkflowTaskStatus.WORKFLOW_TASK_FAILED:
      return [`task ${taskName} failed: ${shortened(error)}`];
    case WorkflowTaskStatus.WORKFLOW_TASK_SKIPPED:
      return [`task ${taskName} skipped`];
  }
}
