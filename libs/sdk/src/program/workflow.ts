import { create, type JsonObject } from '@bufbuild/protobuf';
import { slugify } from '@stigmer/domain';
import { WorkflowSchema } from '@stigmer/proto/agentic/workflow/v1/api';
import { WorkflowInstanceSchema } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import { WorkflowTaskKind } from '@stigmer/proto/commons/apiresource/enum';
import {
  type BuildContext,
  type Context,
  envelope,
  type EnvironmentReference,
  environmentRefs,
  refer,
  type Reference,
  type Resource,
  type ResourceArgs,
} from './resource';
import { declarationSpec, refuseCredentials, type VariableDeclarations } from './variables';

export interface TaskArgs {
  readonly name: string;
  readonly kind: Exclude<keyof typeof WorkflowTaskKind, 'UNSPECIFIED'>;
  /** The task's own configuration, with jq expressions in `${ … }`. */
  readonly config: JsonObject;
  /** Makes the task's output visible to later tasks under this name. */
  readonly exportAs?: string;
  /** The next task, where it is not the following one. */
  readonly then?: string;
}

export interface WorkflowArgs extends ResourceArgs {
  readonly tasks: readonly TaskArgs[];
  /** The variables that a run needs. */
  readonly envSpec?: VariableDeclarations;
  readonly namespace?: string;
  readonly version?: string;
}

/** The template of a workflow: its tasks, and the variables they need. */
export class Workflow implements Resource<'Workflow'> {
  readonly kind = 'Workflow';
  readonly #args: WorkflowArgs;

  constructor(
    ctx: Context,
    readonly name: string,
    args: WorkflowArgs,
  ) {
    refuseCredentials(args.envSpec);
    this.#args = args;
    ctx.declare(this);
  }

  build(context: BuildContext) {
    const { description = '', tasks, envSpec, namespace = context.org, version = '1.0.0' } = this.#args;
    const document = { dsl: '1.0.0', namespace, name: slugify(this.name), version };
    const spec = { description, document, tasks: tasks.map(toTask), envSpec: declarationSpec(envSpec) };
    return Promise.resolve(create(WorkflowSchema, { ...envelope(this, this.#args, context), spec }));
  }
}

function toTask({ name, kind, config, exportAs, then }: TaskArgs) {
  return {
    name,
    kind: WorkflowTaskKind[kind],
    taskConfig: config,
    ...(exportAs !== undefined && { export: { as: exportAs } }),
    ...(then !== undefined && { flow: { then } }),
  };
}

export interface WorkflowInstanceArgs extends ResourceArgs {
  readonly workflow: Reference<'Workflow'>;
  /** Merged in this order: a later environment wins over an earlier one. */
  readonly environments?: readonly EnvironmentReference[];
}

/** A workflow bound to the environments it runs with. */
export class WorkflowInstance implements Resource<'WorkflowInstance'> {
  readonly kind = 'WorkflowInstance';
  readonly #args: WorkflowInstanceArgs;

  constructor(
    ctx: Context,
    readonly name: string,
    args: WorkflowInstanceArgs,
  ) {
    this.#args = args;
    ctx.declare(this);
  }

  build(context: BuildContext) {
    const { workflow, environments = [], description = '' } = this.#args;
    const spec = {
      workflowId: refer(workflow),
      description,
      envRefs: environmentRefs(environments, context),
    };
    return Promise.resolve(create(WorkflowInstanceSchema, { ...envelope(this, this.#args, context), spec }));
  }
}
