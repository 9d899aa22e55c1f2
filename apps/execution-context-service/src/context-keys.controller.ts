import { KeyAdministration } from '@stigmer/keys';
import { ContextKeyController } from '@stigmer/proto/agentic/key/v1/command';
import type {
  AddKeyInput,
  KeyId,
  KeyRingStatusRequest,
  RewrapInput,
  VerifyKeysInput,
} from '@stigmer/proto/agentic/key/v1/io';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';

/** The keys of contexts, for the owner of the installation. */
@GrpcController(ContextKeyController)
export class ContextKeyCommands implements RpcHandlers<typeof ContextKeyController> {
  constructor(private readonly keys: KeyAdministration) {}

  status(_request: KeyRingStatusRequest, { caller }: CallContext) {
    return this.keys.status(caller);
  }

  add(_request: AddKeyInput, { caller }: CallContext) {
    return this.keys.add(caller);
  }

  promote({ id }: KeyId, { caller }: CallContext) {
    return this.keys.promote(id, caller);
  }

  rewrap(_request: RewrapInput, { caller }: CallContext) {
    return this.keys.rewrap(caller);
  }

  retire({ id }: KeyId, { caller }: CallContext) {
    return this.keys.retire(id, caller);
  }

  verify(_request: VerifyKeysInput, { caller }: CallContext) {
    return this.keys.verify(caller);
  }
}
