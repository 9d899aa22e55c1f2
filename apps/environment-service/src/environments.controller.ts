import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import type {
  EnvironmentDiffRequest,
  EnvironmentHistoryRequest,
  EnvironmentPruneInput,
  EnvironmentRemoveVariablesInput,
  EnvironmentRollbackInput,
  EnvironmentSecretValueInput,
  EnvironmentTagInput,
  EnvironmentUntagInput,
  EnvironmentUpdateVariablesInput,
  ListEnvironmentsRequest,
} from '@stigmer/proto/agentic/environment/v1/io';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import type {
  ApiResourceDeleteInput,
  ApiResourceId,
  ApiResourceReference,
} from '@stigmer/proto/commons/apiresource/io';
import { EnvironmentVault, type OpenEnvironmentsInput } from '@stigmer/proto/internal/v1/environment_vault';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { toResource, toValue } from './environment-document';
import { EnvironmentDiffs } from './environment-diffs';
import { EnvironmentViews } from './environment-views';
import { Environments } from './environments';
import { toRevision } from './revision-document';
import { Revisions } from './revisions';
import { EnvironmentBatches } from './environment-batches';

/** Writes. Every answer is redacted. */
@GrpcController(EnvironmentCommandController)
export class EnvironmentCommands implements RpcHandlers<typeof EnvironmentCommandController> {
  constructor(
    private readonly environments: Environments,
    private readonly revisions: Revisions,
  ) {}

  async apply(request: Environment, { caller }: CallContext) {
    return toResource(await this.environments.apply(request, caller));
  }

  async create(request: Environment, { caller }: CallContext) {
    return toResource(await this.environments.create(request, caller));
  }

  async update(request: Environment, { caller }: CallContext) {
    return toResource(await this.environments.update(request, caller));
  }

  async delete({ resourceId, force, versionMessage }: ApiResourceDeleteInput, { caller }: CallContext) {
    return toResource(await this.environments.delete(resourceId, force, versionMessage, caller));
  }

  async updateVariables(request: EnvironmentUpdateVariablesInput, { caller }: CallContext) {
    return toResource(
      await this.environments.updateVariables(request.environmentId, request.variables, caller),
    );
  }

  async removeVariables({ environmentId, keys }: EnvironmentRemoveVariablesInput, { caller }: CallContext) {
    return toResource(await this.environments.removeVariables(environmentId, keys, caller));
  }

  async rollback({ environmentId, version, message }: EnvironmentRollbackInput, { caller }: CallContext) {
    return toResource(await this.revisions.rollback(environmentId, version, message, caller));
  }

  async tag({ environmentId, tag, version }: EnvironmentTagInput, { caller }: CallContext) {
    const { summary, document } = await this.revisions.tag(environmentId, tag, version, caller);
    return toRevision(summary, document);
  }

  async untag({ environmentId, tag }: EnvironmentUntagInput, { caller }: CallContext) {
    const { summary, document } = await this.revisions.untag(environmentId, tag, caller);
    return toRevision(summary, document);
  }

  async prune({ environmentId, keep }: EnvironmentPruneInput, { caller }: CallContext) {
    return { removed: await this.revisions.prune(environmentId, keep, caller) };
  }
}

/** Reads: redacted, but for `getSecretValue`. */
@GrpcController(EnvironmentQueryController)
export class EnvironmentQueries implements RpcHandlers<typeof EnvironmentQueryController> {
  constructor(
    private readonly environments: Environments,
    private readonly views: EnvironmentViews,
    private readonly revisions: Revisions,
    private readonly diffs: EnvironmentDiffs,
  ) {}

  async get({ value }: ApiResourceId) {
    return this.views.get(value);
  }

  async getByReference(request: ApiResourceReference) {
    return this.views.getByReference(request);
  }

  async list({ org, pageSize, pageToken }: ListEnvironmentsRequest) {
    const { items, total, nextToken } = await this.environments.list(org, pageSize, pageToken);
    return { totalCount: total, items: items.map(toResource), nextPageToken: nextToken };
  }

  async getSecretValue({ environmentId, key }: EnvironmentSecretValueInput, { caller }: CallContext) {
    const variable = await this.environments.reveal(environmentId, key, caller);
    return toValue(variable, variable.value);
  }

  async history({ environmentId, pageSize, pageToken }: EnvironmentHistoryRequest) {
    const page = await this.revisions.history(environmentId, pageSize, pageToken);
    return {
      items: page.items.map((summary) => toRevision(summary, page.document)),
      nextPageToken: page.nextToken,
    };
  }

  async diff({ left, right }: EnvironmentDiffRequest, { caller }: CallContext) {
    return this.diffs.diff(left, right, caller);
  }

  async importers({ value }: ApiResourceId) {
    const items = await this.environments.importers(value);
    return { items: items.map(({ _id: id, slug, version }) => ({ id, slug, version })) };
  }
}

/** The resolver's way in; the gateway has no route to it. */
@GrpcController(EnvironmentVault)
export class EnvironmentVaultController implements RpcHandlers<typeof EnvironmentVault> {
  constructor(private readonly batches: EnvironmentBatches) {}

  async open(request: OpenEnvironmentsInput) {
    return this.batches.open(request);
  }
}
