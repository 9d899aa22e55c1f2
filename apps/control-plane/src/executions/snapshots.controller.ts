import { notFound } from '@stigmer/domain';
import { ExecutionSnapshots, type GetSnapshotInput } from '@stigmer/proto/internal/v1/execution_snapshots';
import { GrpcController, type RpcHandlers } from '@stigmer/service';
import { ExecutionKinds } from './execution-kinds';
import { Executions } from './executions';
import { ExecutionStore } from './executions.store';

/** What a run is made of, for the runner. */
@GrpcController(ExecutionSnapshots)
export class SnapshotQueries implements RpcHandlers<typeof ExecutionSnapshots> {
  constructor(
    private readonly executions: Executions,
    private readonly store: ExecutionStore,
    private readonly kinds: ExecutionKinds,
  ) {}

  async get({ executionId }: GetSnapshotInput) {
    const row = await this.store.row(executionId);
    if (row === undefined) throw notFound('Execution', executionId);
    return this.kinds.use(row.kind, (kind) => this.executions.snapshot(kind, executionId));
  }
}
