import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  ContextVault,
  type CreateContextInput,
  type DestroyContextInput,
  type ListContextsInput,
  type RenewContextInput,
} from '@stigmer/proto/internal/v1/context_vault';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { RunContexts } from './run-contexts';

/** The services' way to the contexts of runs; the gateway has no route to it. */
@GrpcController(ContextVault)
export class ContextVaultController implements RpcHandlers<typeof ContextVault> {
  constructor(private readonly contexts: RunContexts) {}

  async create(request: CreateContextInput) {
    const { document, created } = await this.contexts.create(request);
    return { id: document._id, expiresAt: timestampFromDate(document.expires_at), created };
  }

  async renew(request: RenewContextInput) {
    return { expiresAt: timestampFromDate(await this.contexts.renew(request)) };
  }

  async destroy({ executionId }: DestroyContextInput, { caller }: CallContext) {
    return { existed: await this.contexts.destroy(executionId, caller) };
  }

  async list(request: ListContextsInput) {
    const { items, nextPageToken } = await this.contexts.list(request);
    return {
      items: items.map(({ execution_id: executionId, org, created, expires_at }) => ({
        ...{ executionId, org },
        createdAt: timestampFromDate(created.at),
        expiresAt: timestampFromDate(expires_at),
      })),
      nextPageToken,
    };
  }
}
