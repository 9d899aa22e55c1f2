import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { DomainError } from '@stigmer/domain';
import type { GrpcClient } from '@stigmer/proto';
import type { ContextVault } from '@stigmer/proto/internal/v1/context_vault';
import { Limits } from '../limits';

const PAGE_SIZE = 200;

/** What the control-plane may do with contexts: keep them alive, destroy them, list their names. Never see one. */
export class Contexts {
  constructor(
    private readonly vault: GrpcClient<typeof ContextVault>,
    private readonly limits: Limits,
  ) {}

  async destroy(executionId: string): Promise<void> {
    await this.vault.destroy({ executionId }, { deadlineMs: this.limits.callMs });
  }

  /** Says whether there was a context to renew: a run that is just ending has destroyed its own. */
  async renew(executionId: string, expiresAt: Date): Promise<boolean> {
    try {
      await this.vault.renew(
        { executionId, expiresAt: timestampFromDate(expiresAt) },
        { deadlineMs: this.limits.callMs },
      );
      return true;
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'not-found') return false;
      throw error;
    }
  }

  /** The execution ids of all contexts that were made before a time, page by page. */
  async *madeBefore(time: Date): AsyncIterable<readonly string[]> {
    let pageToken = '';
    do {
      const page = await this.vault.list({
        createdBefore: timestampFromDate(time),
        pageSize: PAGE_SIZE,
        pageToken,
      });
      yield page.items.map(({ executionId }) => executionId);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }
}
