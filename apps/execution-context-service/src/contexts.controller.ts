import type { ExecutionContext } from '@stigmer/proto/agentic/executioncontext/v1/api';
import { ExecutionContextCommandController } from '@stigmer/proto/agentic/executioncontext/v1/command';
import type {
  ExecutionContextExecutionIdInput,
  ExecutionContextId,
} from '@stigmer/proto/agentic/executioncontext/v1/io';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import type { ApiResourceDeleteInput, ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
import { type CallContext, GrpcController, type RpcHandlers } from '@stigmer/service';
import { Contexts } from './contexts';
import { encodedContext } from './encoded-values';
import { RunContexts } from './run-contexts';

/** Writes. Every answer is redacted. */
@GrpcController(ExecutionContextCommandController)
export class ContextCommands implements RpcHandlers<typeof ExecutionContextCommandController> {
  constructor(private readonly contexts: Contexts) {}

  apply(request: ExecutionContext, { caller }: CallContext) {
    return this.contexts.apply(request, caller);
  }

  create(request: ExecutionContext, { caller }: CallContext) {
    return this.contexts.create(request, caller);
  }

  delete({ resourceId }: ApiResourceDeleteInput, { caller }: CallContext) {
    return this.contexts.delete(resourceId, caller);
  }
}

/** Reads: redacted, but for the runner's of its run. */
@GrpcController(ExecutionContextQueryController)
export class ContextQueries implements RpcHandlers<typeof ExecutionContextQueryController> {
  constructor(
    private readonly contexts: Contexts,
    private readonly runs: RunContexts,
  ) {}

  get({ value }: ExecutionContextId) {
    return this.contexts.get(value);
  }

  getByReference(request: ApiResourceReference) {
    return this.contexts.getByReference(request);
  }

  /** The only read that reveals. By the identity of the caller, which the gateway cannot lend to anyone. */
  async getByExecutionId({ executionId }: ExecutionContextExecutionIdInput, { caller }: CallContext) {
    if (caller.service !== 'workflow-runner') return this.contexts.getByExecutionId(executionId);
    const { document, values } = await this.runs.reveal(executionId, caller);
    return encodedContext(document, values);
  }
}
