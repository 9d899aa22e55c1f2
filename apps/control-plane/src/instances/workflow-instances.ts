import { clone, create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import type { Workflow } from '@stigmer/proto/agentic/workflow/v1/api';
import {
  type WorkflowInstance,
  WorkflowInstanceSchema,
} from '@stigmer/proto/agentic/workflowinstance/v1/api';
import {
  type ApiResourceAuditStatus,
  ApiResourceAuditStatusSchema,
} from '@stigmer/proto/commons/apiresource/status';
import { API_VERSION } from '../resources/api-version';
import { type Columns, metadataOf, required, type ResourceKind } from '../resources/kind';
import { WORKFLOW, WORKFLOW_INSTANCE } from '../resources/kinds';
import { Resources } from '../resources/resources';
import { ExecutionStore } from '../executions/executions.store';
import { EnvironmentReferences } from './environment-references';
import { brokenReferences, inUse, lookUp, refuseChange } from './references';

/** The rules of a workflow's instance: a workflow bound to environments. */
@Injectable()
export class WorkflowInstances implements ResourceKind<WorkflowInstance> {
  readonly name = WORKFLOW_INSTANCE.name;
  readonly schema = WORKFLOW_INSTANCE.schema;

  constructor(
    private readonly resources: Resources,
    private readonly environments: EnvironmentReferences,
    private readonly executions: ExecutionStore,
  ) {}

  async admit(draft: WorkflowInstance, stored: WorkflowInstance | undefined): Promise<Columns> {
    const spec = required(draft.spec, 'spec');
    const { org } = metadataOf(draft);
    const [workflow, missing] = await Promise.all([
      lookUp(this.resources, WORKFLOW, org, spec.workflowId, 'spec.workflow_id'),
      this.environments.missing(org, spec.envRefs, 'spec.env_refs'),
    ]);
    if (workflow.fault !== undefined) throw brokenReferences([workflow.fault, ...missing]);
    if (missing.length > 0) throw brokenReferences(missing);
    spec.workflowId = metadataOf(workflow.found).id;
    refuseChange('spec.workflow_id', stored?.spec?.workflowId, spec.workflowId);
    return { parents: [spec.workflowId], environments: spec.envRefs.map(({ slug }) => slug) };
  }

  status(stored: WorkflowInstance | undefined): ApiResourceAuditStatus {
    return clone(ApiResourceAuditStatusSchema, stored?.status ?? create(ApiResourceAuditStatusSchema));
  }

  async release(instance: WorkflowInstance): Promise<void> {
    const running = await this.executions.running({ instance: metadataOf(instance).id });
    if (running.length > 0) throw inUse(instance, running);
  }

  /** The instance that is made with a workflow: without environments. */
  defaultOf(workflow: Workflow, slug: string): WorkflowInstance {
    const { id, name, org, ownerScope } = metadataOf(workflow);
    return create(WorkflowInstanceSchema, {
      apiVersion: API_VERSION,
      kind: this.name,
      metadata: { id: workflow.status?.defaultInstanceId, name: slug, slug, org, ownerScope },
      spec: { workflowId: id, description: `The default instance of ${name}.` },
    });
  }
}
