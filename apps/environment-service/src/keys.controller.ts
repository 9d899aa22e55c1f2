import { KeyAdministration } from '@stigmer/keys';
import type { KeyId } from '@stigmer/proto/agentic/key/v1/io';
import { EnvironmentKeyController } from '@stigmer/proto/agentic/key/v1/command';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';

/** The keys of environments, for the owner of the installation alone. */
@GrpcController(EnvironmentKeyController)
export class EnvironmentKeys implements RpcHandlers<typeof EnvironmentKeyController> {
  constructor(private readonly keys: KeyAdministration) {}

  status(_request: unknown, { caller }: CallContext) {
    return this.keys.status(caller);
  }

  add(_request: unknown, { caller }: CallContext) {
    return this.keys.add(caller);
  }

  promote({ id }: KeyId, { caller }: CallContext) {
    return this.keys.promote(id, caller);
  }

  rewrap(_request: unknown, { caller }: CallContext) {
    return this.keys.rewrap(caller);
  }

  retire({ id }: KeyId, { caller }: CallContext) {
    return this.keys.retire(id, caller);
  }

  verify(_request: unknown, { caller }: CallContext) {
    return this.keys.verify(caller);
  }
}
