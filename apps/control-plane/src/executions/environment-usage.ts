import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import type {
  EnvironmentExecutionUseSchema,
  EnvironmentInstanceUseSchema,
  EnvironmentUsageRequest,
  EnvironmentUsageSchema,
} from '@stigmer/proto/agentic/environment/v1/io';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { metadataOf, type Resource } from '../resources/kind';
import { AGENT_INSTANCE, WORKFLOW_INSTANCE } from '../resources/kinds';
import { encodePosition, pageAfter } from '../resources/paging';
import { namesOfEnvironment, ResourceStore } from '../resources/resources.store';
import { positionOf } from './environment-users';
import type { UsingRow } from './execution-row';
import { ExecutionStore } from './executions.store';

type InstanceUse = MessageInitShape<typeof EnvironmentInstanceUseSchema>;
type ExecutionUse = MessageInitShape<typeof EnvironmentExecutionUseSchema>;

/** Who uses an environment: the instances that refer to it, the executions that got values of it. */
@Injectable()
export class EnvironmentUsage {
  constructor(
    private readonly resources: ResourceStore,
    private readonly executions: ExecutionStore,
  ) {}

  async usedBy(request: EnvironmentUsageRequest): Promise<MessageInitShape<typeof EnvironmentUsageSchema>> {
    const { org, environmentId: environment, slug, key, ended, pageSize, pageToken } = request;
    const page = pageAfter(pageSize, pageToken);
    const [instances, rows] = await Promise.all([
      pageToken === '' ? this.instances(org, namesOfEnvironment(environment, slug)) : [],
      // One more than asked for: whether there is another page.
      this.executions.usersOfEnvironment({ org, environment, key, ended }, { ...page, size: page.size + 1 }),
    ]);
    const shown = rows.slice(0, page.size);
    const last = shown.at(-1);
    return {
      instances: [...instances],
      executions: shown.flatMap((row) => usesOf(row, environment, key)),
      nextPageToken:
        last === undefined || rows.length === shown.length ? '' : encodePosition(positionOf(last)),
    };
  }

  private async instances(org: string, names: readonly string[]): Promise<readonly InstanceUse[]> {
    const [agents, workflows] = await Promise.all([
      this.resources.instancesOfEnvironment(AGENT_INSTANCE, org, names),
      this.resources.instancesOfEnvironment(WORKFLOW_INSTANCE, org, names),
    ]);
    return [
      ...agents.flatMap((one) => referencesOf(one, 'AgentInstance', one.spec?.environmentRefs, names)),
      ...workflows.flatMap((one) => referencesOf(one, 'WorkflowInstance', one.spec?.envRefs, names)),
    ];
  }
}

/** Each reference of an instance that means the environment, with the version it names. */
function referencesOf(
  instance: Resource,
  kind: string,
  references: readonly ApiResourceReference[] = [],
  names: readonly string[],
): readonly InstanceUse[] {
  const { id, slug } = metadataOf(instance);
  return references
    .filter((reference) => names.includes(reference.slug))
    .map(({ version }) => ({ kind, id, slug, version: version === 'latest' ? '' : version }));
}

/** One for each revision: imports may bring the same environment into a run at two of them. */
function usesOf(
  { _id: id, kind, open, createdAt, uses = [] }: UsingRow,
  environment: string,
  key: string,
): readonly ExecutionUse[] {
  return uses
    .filter((use) => use.environment === environment && (key === '' || use.keys.includes(key)))
    .map(({ revision, keys }) => {
      return { kind, id, open, revision, keys: [...keys], createdAt: timestampFromDate(createdAt) };
    });
}
