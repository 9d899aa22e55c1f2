import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import { EnvironmentCommandController } from '@stigmer/proto/agentic/environment/v1/command';
import type {
  EnvironmentRemoveVariablesInput,
  EnvironmentSecretValueInput,
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
import { Environments } from './environments';
import { EnvironmentBatches } from './environment-batches';

/** Writes. Every answer is redacted. */
@GrpcController(EnvironmentCommandController)
export class EnvironmentCommands implements RpcHandlers<typeof EnvironmentCommandController> {
  constructor(private readonly environments: Environments) {}

  async apply(request: Environment, { caller }: CallContext) {
    return toResource(await this.environments.apply(request, caller));
  }

  async create(request: Environment, { caller }: CallContext) {
    return toResource(await this.environments.create(request, caller));
  }

  async update(request: Environment, { caller }: CallContext) {
    return toResource(await this.environments.update(request, caller));
  }

  async delete({ resourceId, force }: ApiResourceDeleteInput, { caller }: CallContext) {
    return toResource(await this.environments.delete(resourceId, force, caller));
  }

  async updateVariables(request: EnvironmentUpdateVariablesInput, { caller }: CallContext) {
    return toResource(
      await this.environments.updateVariables(request.environmentId, request.variables, caller),
    );
  }

  async removeVariables({ environmentId, keys }: EnvironmentRemoveVariablesInput, { caller }: CallContext) {
    return toResource(await this.environments.removeVariables(environmentId, keys, caller));
  }

  rollback(): Promise<never> {
    return Promise.reject(new Error('not there yet'));
  }

  tag(): Promise<never> {
    return Promise.reject(new Error('not there yet'));
  }

  untag(): Promise<never> {
    return Promise.reject(new Error('not there yet'));
  }

  prune(): Promise<never> {
    return Promise.reject(new Error('not there yet'));
  }
}

/** Reads: redacted, but for `getSecretValue`. */
@GrpcController(EnvironmentQueryController)
export class EnvironmentQueries implements RpcHandlers<typeof EnvironmentQueryController> {
  constructor(private readonly environments: Environments) {}

  async get({ value }: ApiResourceId) {
    return toResource(await this.environments.get(value));
  }

  async getByReference(request: ApiResourceReference) {
    return toResource(await this.environments.getByReference(request));
  }

  async list({ org, pageSize, pageToken }: ListEnvironmentsRequest) {
    const { items, total, nextToken } = await this.environments.list(org, pageSize, pageToken);
    return { totalCount: total, items: items.map(toResource), nextPageToken: nextToken };
  }

  async getSecretValue({ environmentId, key }: EnvironmentSecretValueInput, { caller }: CallContext) {
    const variable = await this.environments.reveal(environmentId, key, caller);
    return toValue(variable, variable.value);
  }

  history(): Promise<never> {
    return Promise.reject(new Error('not there yet'));
  }

  diff(): Promise<never> {
    return Promise.reject(new Error('not there yet'));
  }

  importers(): Promise<never> {
    return Promise.reject(new Error('not there yet'));
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
