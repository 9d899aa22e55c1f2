import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { invalidArguments, notFound, TASK_QUEUES, WORKFLOW_TYPES } from '@stigmer/domain';
import type { Workflow } from '@stigmer/proto/agentic/workflow/v1/api';
import {
  type WorkflowExecution,
  WorkflowExecutionSchema,
  type WorkflowExecutionStatus,
  WorkflowExecutionStatusSchema,
} from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { ExecutionPhase } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import type { WorkflowInstance } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import {
  type ExecutionSnapshot,
  ExecutionSnapshotSchema,
  WorkflowRunSchema,
} from '@stigmer/proto/internal/v1/execution_snapshots';
import type { Caller } from '@stigmer/service';
import { brokenReferences, lookUp } from '../instances/references';
import { metadataOf, required } from '../resources/kind';
import { WORKFLOW, WORKFLOW_INSTANCE } from '../resources/kinds';
import { Resources } from '../resources/resources';
import { Workflows } from '../templates/workflows';
import type { ExecutionKind, RunPlan } from './execution-kind';
import { mergeById } from './status-merge';

/** The rules of a workflow's execution. */
@Injectable()
export class WorkflowExecutions implements ExecutionKind<WorkflowExecution> {
  readonly name = 'WorkflowExecution';
  readonly schema = WorkflowExecutionSchema;
  readonly taskQueue = TASK_QUEUES.workflows;
  readonly workflowType = WORKFLOW_TYPES.workflow;

  constructor(
    private readonly resources: Resources,
    private readonly workflows: Workflows,
  ) {}

  newStatus(id: string): WorkflowExecutionStatus {
    return create(WorkflowExecutionStatusSchema, {
      phase: ExecutionPhase.EXECUTION_PENDING,
      temporalWorkflowId: id,
    });
  }

  async plan(draft: WorkflowExecution, caller: Caller): Promise<RunPlan> {
    const spec = required(draft.spec, 'spec');
    const { org } = metadataOf(draft);
    const { workflow, instance } =
      spec.workflowInstanceId === ''
        ? await this.fromWorkflow(org, spec.workflowId, caller)
        : await this.fromInstance(org, spec.workflowInstanceId, spec.workflowId);
    spec.workflowId = metadataOf(workflow).id;
    spec.workflowInstanceId = metadataOf(instance).id;
    const run = create(WorkflowRunSchema, { workflow, instance });
    return {
      org: org === '' ? metadataOf(instance).org : org,
      snapshot: create(ExecutionSnapshotSchema, { run: { case: 'workflow', value: run } }),
      template: spec.workflowId,
      instance: spec.workflowInstanceId,
    };
  }

  mergeStatus(into: WorkflowExecutionStatus, change: WorkflowExecutionStatus): void {
    into.tasks = mergeById(into.tasks, change.tasks, ({ taskId }) => taskId);
    into.output = change.output ?? into.output;
    into.outputValue = change.outputValue ?? into.outputValue;
  }

  dropBulk({ spec, status }: WorkflowExecution): void {
    delete spec?.input;
    if (status === undefined) return;
    delete status.output;
    delete status.outputValue;
    for (const task of status.tasks) {
      delete task.input;
      delete task.output;
      delete task.metadata;
    }
  }

  withExecution({ run }: ExecutionSnapshot, execution: WorkflowExecution): ExecutionSnapshot {
    const { workflow, instance } = run.case === 'workflow' ? run.value : {};
    return create(ExecutionSnapshotSchema, {
      run: { case: 'workflow', value: { execution, workflow, instance } },
    });
  }

  private async fromWorkflow(org: string, ref: string, caller: Caller) {
    if (ref === '') {
      throw invalidArguments([
        { field: 'spec.workflow_id', description: 'this or spec.workflow_instance_id is required' },
      ]);
    }
    const workflow = await this.resources.find(WORKFLOW, org, ref);
    if (workflow === undefined) throw notFound('Workflow', ref);
    return { workflow, instance: await this.workflows.defaultInstance(workflow, caller) };
  }

  private async fromInstance(
    org: string,
    ref: string,
    workflowRef: string,
  ): Promise<{ workflow: Workflow; instance: WorkflowInstance }> {
    const instance = await this.resources.find(WORKFLOW_INSTANCE, org, ref);
    if (instance === undefined) throw notFound('WorkflowInstance', ref);
    const workflow = await lookUp(
      this.resources,
      WORKFLOW,
      org,
      instance.spec?.workflowId ?? '',
      'spec.workflow_instance_id',
    );
    if (workflow.fault !== undefined) throw brokenReferences([workflow.fault]);
    if (
      workflowRef !== '' &&
      (await this.resources.find(WORKFLOW, org, workflowRef))?.metadata?.id !== metadataOf(workflow.found).id
    ) {
      throw invalidArguments([
        { field: 'spec.workflow_id', description: 'is not the workflow of the instance' },
      ]);
    }
    return { workflow: workflow.found, instance };
  }
}
