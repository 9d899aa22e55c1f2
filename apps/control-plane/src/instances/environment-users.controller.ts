import {
  EnvironmentUsers,
  type ListEnvironmentUsersInput,
} from '@stigmer/proto/internal/v1/environment_users';
import { GrpcController, type RpcHandlers } from '@stigmer/service';
import { ResourceStore } from '../resources/resources.store';

/** Who uses an environment: environment-service asks before it deletes one. */
@GrpcController(EnvironmentUsers)
export class EnvironmentUsersQueries implements RpcHandlers<typeof EnvironmentUsers> {
  constructor(private readonly store: ResourceStore) {}

  async list({ org, environmentId, slug }: ListEnvironmentUsersInput) {
    return { users: [...(await this.store.usersOfEnvironment(org, environmentId, slug))] };
  }
}
