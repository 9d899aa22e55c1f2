import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import { aborted, alreadyExists, invalidArgument, notFound } from '@stigmer/domain';
import type {
  ContextSummariesSchema,
  CreateContextInput,
  CreatedContextSchema,
  ListContextsInput,
} from '@stigmer/proto/internal/v1/context_vault';
import { type Logger, newId } from '@stigmer/service';
import { checkData } from './context-data';
import { type ContextDocument, isLive, type LiveContext } from './context-document';
import { openLive, type OpenContext, type Origin } from './origin';

export const MAX_LEASE_MS = 24 * 60 * 60 * 1000;

const ATTEMPTS = 10;
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;

/** The contexts of runs: made by the resolver, opened by the runner, gone when the run is. */
export class RunContexts {
  constructor(
    private readonly origin: Origin,
    private readonly maxLifetimeMs: number,
    private readonly log: Logger,
  ) {}

  /** Makes the context of an execution. The same request of the same creator gets the same answer again. */
  async create(input: CreateContextInput): Promise<MessageInitShape<typeof CreatedContextSchema>> {
    checkData(input.data, 'data');
    const { executionId: execution_id, org } = input;
    const created_at = new Date();
    const expires_at = this.leaseUntil(created_at, created_at, requested(input.expiresAt));
    const columns = { _id: newId('exec'), execution_id, org, slug: execution_id, created_at, expires_at };
    const document = this.origin.seal.seal(columns, input);
    const created = await this.origin.store.insert(document);
    const { _id: id, expires_at: until } = created ? document : await this.sameAgain(input);
    if (created) this.log.info({ execution: execution_id, context: id, names: Object.keys(input.data).length }, 'context created');
    return { id, expiresAt: timestampFromDate(until), created };
  }

  /** Prolongs the lease of a run that is open, never beyond the longest life of a context, and never shortens it. */
  async renew(executionId: string, until: Timestamp | undefined): Promise<Date> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const context = await this.live(executionId);
      const expires_at = this.leaseUntil(context.created_at, new Date(), requested(until));
      if (expires_at <= context.expires_at) return context.expires_at;
      const lease = this.origin.seal.renew(context, expires_at);
      if (await this.origin.store.renew(context._id, context, lease)) return expires_at;
    }
    throw aborted(`the context of ${executionId} was changed by others at the same time: try again`);
  }

  /** Destroys the context of a run that has ended; one that is not there is destroyed already. */
  async destroy(executionId: string): Promise<boolean> {
    const found = await this.origin.store.findByExecution(executionId);
    if (found === undefined) return false;
    await this.origin.store.destroy(found._id);
    this.log.info({ execution: executionId, context: found._id }, 'context destroyed');
    return true;
  }

  /** Which contexts there are, the expired and the half-destroyed too: for whoever looks for forgotten ones. */
  async list({ createdBefore, pageSize, pageToken }: ListContextsInput): Promise<MessageInitShape<typeof ContextSummariesSchema>> {
    const size = pageSize <= 0 ? DEFAULT_PAGE : Math.min(pageSize, MAX_PAGE);
    const before = createdBefore === undefined ? new Date() : timestampDate(createdBefore);
    const page = await this.origin.store.page(before, size, Buffer.from(pageToken, 'base64url').toString());
    const last = page.length === size ? (page.at(-1)?._id ?? '') : '';
    return {
      items: page.map(({ execution_id, org, created_at, expires_at }) => ({
        ...{ executionId: execution_id, org },
        createdAt: timestampFromDate(created_at),
        expiresAt: timestampFromDate(expires_at),
      })),
      nextPageToken: Buffer.from(last).toString('base64url'),
    };
  }

  /** The context of an execution, opened; undefined when there is none, or not any more. */
  async find(executionId: string): Promise<OpenContext | undefined> {
    return openLive(this.origin, await this.origin.store.findByExecution(executionId));
  }

  private async live(executionId: string): Promise<LiveContext> {
    const found = await this.origin.store.findByExecution(executionId);
    if (found === undefined || !isLive(found, new Date())) throw notFound('ExecutionContext', executionId);
    return found;
  }

  private async sameAgain({ executionId, creator, requestDigest }: CreateContextInput): Promise<ContextDocument> {
    const existing = await this.find(executionId);
    const same =
      existing?.content.creator === creator && Buffer.from(existing.content.requestDigest).equals(requestDigest);
    // Also for one that has expired or is being destroyed: a run that is over does not get a second context.
    if (!same) throw alreadyExists(`ExecutionContext already exists: ${executionId}`);
    return existing.document;
  }

  private leaseUntil(created: Date, now: Date, wanted: Date): Date {
    if (wanted <= now) throw invalidArgument('expires_at: must be in the future');
    const latest = Math.min(now.getTime() + MAX_LEASE_MS, created.getTime() + this.maxLifetimeMs);
    return new Date(Math.min(wanted.getTime(), latest));
  }
}

function requested(expiresAt: Timestamp | undefined): Date {
  if (expiresAt === undefined) throw invalidArgument('expires_at: value is required');
  return timestampDate(expiresAt);
}
