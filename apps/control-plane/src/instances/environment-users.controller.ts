import {
  EnvironmentUsers,
  type ListEnvironmentUsersInput,
} from '@stigmer/proto/internal/v1/environment_users';
import { GrpcController, type RpcHandlers } from '@stigmer/service';
import { ResourceStore } from '../resources/resources.store';
import { pinnedVersions } from './environment-pins';

/** Who uses an environment: environment-service asks before it deletes one, and before it prunes versions of one. */
@GrpcController(EnvironmentUsers)
export class EnvironmentUsersQueries implements RpcHandlers<typeof EnvironmentUsers> {
  constructor(private readonly store: ResourceStore) {}

  async list({ org, environmentId: id, slug }: ListEnvironmentUsersInput) {
    const [users, versions] = await Promise.all([
      this.store.usersOfEnvironment(org, id, slug),
      pinnedVersions(this.store, { org, id, slug }),
    ]);
    return { users: [...users], versions: [...versions] };
  }
}
