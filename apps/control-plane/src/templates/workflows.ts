import { clone, create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { KINDS } from '@stigmer/domain';
import type { Workflow } from '@stigmer/proto/agentic/workflow/v1/api';
import { type WorkflowStatus, WorkflowStatusSchema } from '@stigmer/proto/agentic/workflow/v1/status';
import type { WorkflowInstance } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import { type Caller, newId } from '@stigmer/service';
import { WorkflowInstances } from '../instances/workflow-instances';
import { type Columns, metadataOf, required, type ResourceKind } from '../resources/kind';
import { WORKFLOW } from '../resources/kinds';
import { Limits } from '../limits';
import { DefaultInstances } from './default-instances';
import { envSpecFaults, refuse } from './env-spec';
import { definitionFaults } from './workflow-definition';

/** The rules of a workflow. */
@Injectable()
export class Workflows implements ResourceKind<Workflow> {
  readonly name = WORKFLOW.name;
  readonly schema = WORKFLOW.schema;

  constructor(
    private readonly instances: WorkflowInstances,
    private readonly defaults: DefaultInstances,
    private readonly limits: Limits,
  ) {}

  admit(draft: Workflow): Promise<Columns> {
    const spec = required(draft.spec, 'spec');
    refuse([
      ...envSpecFaults(spec.envSpec),
      ...definitionFaults(spec, this.limits.contextMaxLifetimeMs / 1_000),
    ]);
    return Promise.resolve({});
  }

  status(stored: Workflow | undefined): WorkflowStatus {
    if (stored?.status !== undefined) return clone(WorkflowStatusSchema, stored.status);
    return create(WorkflowStatusSchema, { defaultInstanceId: newId(KINDS.WorkflowInstance.idPrefix) });
  }

  async created(workflow: Workflow, caller: Caller): Promise<void> {
    await this.defaultInstance(workflow, caller);
  }

  async release(workflow: Workflow): Promise<void> {
    await this.defaults.release(this.instances, workflow, workflow.status?.defaultInstanceId ?? '');
  }

  /** The workflow's default instance, made now where it is missing. */
  defaultInstance(workflow: Workflow, caller: Caller): Promise<WorkflowInstance> {
    return this.defaults.ensure(
      this.instances,
      metadataOf(workflow),
      (slug) => this.instances.defaultOf(workflow, slug),
      caller,
    );
  }
}
