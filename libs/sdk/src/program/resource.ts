import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { dependencyOrder, invalidArgument, type KindName, slugify } from '@stigmer/domain';
import type { Agent } from '@stigmer/proto/agentic/agent/v1/api';
import type { AgentInstance } from '@stigmer/proto/agentic/agentinstance/v1/api';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import type { Workflow } from '@stigmer/proto/agentic/workflow/v1/api';
import type { WorkflowInstance } from '@stigmer/proto/agentic/workflowinstance/v1/api';
import { ApiResourceOwnerScope } from '@stigmer/proto/commons/apiresource/enum';
import { ApiResourceKind } from '@stigmer/proto/commons/apiresource/apiresourcekind/api_resource_kind';
import { ApiResourceReferenceSchema } from '@stigmer/proto/commons/apiresource/io';
import { ApiResourceMetadataSchema } from '@stigmer/proto/commons/apiresource/metadata';
import type { Config } from './config';
import type { Secret } from './secret';

/** The resources a program may declare, as the contract's messages; `$typeName` tells them apart. */
export type ResourceMessage = Environment | Agent | AgentInstance | Workflow | WorkflowInstance;

/** The kinds a program may declare, in the order they can be written: what others refer to comes first. */
export const DECLARABLE = [
  'Environment',
  'Agent',
  'Workflow',
  'AgentInstance',
  'WorkflowInstance',
] as const satisfies readonly KindName[];

export type DeclarableKind = (typeof DECLARABLE)[number];

/** Something a program declared. */
export interface Resource<K extends DeclarableKind = DeclarableKind> {
  readonly kind: K;
  readonly name: string;
  /** The slugs of what has to be written before it, of its own kind. */
  readonly imports?: readonly string[];
  /** Its message, once the values of its secrets may be read. */
  build(context: BuildContext): Promise<ResourceMessage>;
}

export interface BuildContext {
  readonly org: string;
  readonly reveal: (secret: Secret) => Promise<string>;
}

/** What every kind takes besides its own fields. */
export interface ResourceArgs {
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
}

/** Collects what a program declares; every constructor takes it first. */
export class Context {
  readonly #resources: Resource[] = [];

  constructor(
    readonly org: string,
    readonly config: Config,
  ) {}

  /** Called by the resources' constructors. */
  declare(resource: Resource): void {
    const slug = slugify(resource.name);
    if (slug === '')
      throw invalidArgument(`${resource.kind} "${resource.name}": a name needs a letter or a digit`);
    const twin = this.#resources.find(({ kind, name }) => kind === resource.kind && slugify(name) === slug);
    if (twin) throw invalidArgument(`${resource.kind} "${resource.name}" is declared twice`);
    this.#resources.push(resource);
  }

  /** In dependency order; else in the order of the program. */
  get resources(): readonly Resource[] {
    const ranked = DECLARABLE.flatMap((kind) => this.#resources.filter((resource) => resource.kind === kind));
    const order = dependencyOrder(ranked, ({ imports = [] }) =>
      ranked.filter(({ kind, name }) => kind === 'Environment' && imports.includes(slugify(name))),
    );
    if (order.kind === 'ordered') return order.items;
    const path = order.path.map(({ name }) => slugify(name)).join(' → ');
    throw invalidArgument(`environments import each other in a circle: ${path}`);
  }
}

/** A resource of the same program, or the id, slug or name of one that exists already. */
export type Reference<K extends DeclarableKind> = Resource<K> | string;

/** An environment as it is now, or pinned to one of its versions. */
export type EnvironmentReference = Reference<'Environment'> | PinnedEnvironment;

export interface PinnedEnvironment {
  readonly environment: Reference<'Environment'>;
  /** A version's number or id, or a tag. */
  readonly version: string;
}

/** How a reference reads on the wire: the server looks it up as an id, then as a slug. */
export function refer(target: Reference<DeclarableKind>): string {
  return typeof target === 'string' ? target : slugify(target.name);
}

/** References to environments, in the order in which they are merged. */
export function environmentRefs(environments: readonly EnvironmentReference[], { org }: BuildContext) {
  const kind = ApiResourceKind.environment;
  return environments.map((target) => {
    const { environment, version } = isPinned(target) ? target : { environment: target, version: '' };
    return create(ApiResourceReferenceSchema, { org, kind, slug: refer(environment), version });
  });
}

/** The environment that a reference is about, whatever version of it. */
export function environmentOf(target: EnvironmentReference): string {
  return refer(isPinned(target) ? target.environment : target);
}

function isPinned(target: EnvironmentReference): target is PinnedEnvironment {
  return typeof target === 'object' && 'environment' in target;
}

/** The fields that all kinds have alike. */
export function envelope<K extends DeclarableKind>(
  { kind, name }: Resource<K>,
  args: ResourceArgs,
  { org }: BuildContext,
) {
  const metadata: MessageInitShape<typeof ApiResourceMetadataSchema> = {
    name,
    org,
    ownerScope: ApiResourceOwnerScope.organization,
    labels: { ...args.labels },
    tags: [...(args.tags ?? [])],
  };
  return { apiVersion: 'agentic.stigmer.ai/v1', kind, metadata };
}
