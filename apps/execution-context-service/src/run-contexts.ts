import { createHash, timingSafeEqual } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { aborted, alreadyExists, failedPrecondition, KINDS, notFound } from '@stigmer/domain';
import { ApiResourceMetadataSchema } from '@stigmer/proto/commons/apiresource/metadata';
import type {
  CreateContextInput,
  ListContextsInput,
  RenewContextInput,
} from '@stigmer/proto/internal/v1/context_vault';
import { type Caller, type Logger, newId } from '@stigmer/service';
import { checkData } from './context-data';
import type { ContextDocument } from './context-document';
import type { ContextSeal } from './context-seal';
import type { ContextStore, ContextSummary } from './contexts.store';
import type { Clock } from './epoch';
import { readExpiry } from './expiry';
import { settled } from './settled';

const ORIGIN = 'run';
const ATTEMPTS = 5;
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;

export interface RunContextsOptions {
  readonly store: ContextStore;
  readonly seal: ContextSeal;
  readonly log: Logger;
  readonly clock: Clock;
  /** The longest that a context may live, renewals included. */
  readonly maxLifetimeMs: number;
}

/** The contexts of runs: made by the resolver, opened for the runner, kept alive and destroyed by the control-plane. */
export class RunContexts {
  constructor(private readonly options: RunContextsOptions) {}

  /** Creates a run's context. The same request again gets the same answer; any other is ALREADY_EXISTS. */
  async create(
    request: CreateContextInput,
  ): Promise<{ readonly document: ContextDocument; readonly created: boolean }> {
    const { store, log } = this.options;
    const { executionId, org, data, requestDigest: digest } = request;
    const document = await this.sealRequest(request);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await store.insert(document)) {
        await settled(this.options, document, { data, digest });
        log.info({ execution: executionId, org, context: document._id }, 'context created');
        return { document, created: true };
      }
      const existing = await store.findByExecution(executionId, ORIGIN);
      if (existing === undefined) continue; // destroyed a moment ago: its place is free now
      if (await this.isSameRequest(existing, request)) return { document: existing, created: false };
      throw alreadyExists(`ExecutionContext already exists: ${executionId}`);
    }
    throw aborted(`the context of ${executionId} was created and destroyed at the same time: try again`);
  }

  /**
   * A run's context with its values in plaintext, as the bytes of a spec. For the runner alone: whoever calls has made
   * sure of that.
   */
  async reveal(
    executionId: string,
    { service }: Caller,
  ): Promise<{ readonly document: ContextDocument; readonly values: Uint8Array }> {
    const { seal, log } = this.options;
    const document = await this.find(executionId);
    const values = await seal.openEncoded(document);
    log.info({ audit: 'context.revealed', caller: service, execution: executionId }, 'context revealed');
    return { document, values };
  }

  /** Moves the expiry, never backwards and never past the longest lifetime. */
  async renew({ executionId, expiresAt }: RenewContextInput): Promise<Date> {
    const { log } = this.options;
    const wanted = readExpiry(expiresAt, new Date(this.options.clock()));
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const document = await this.find(executionId);
      const until = this.extended(document, wanted);
      if (until <= document.expires_at) return document.expires_at;
      if (await this.prolong(document, until)) {
        log.debug({ execution: executionId, until }, 'context renewed');
        return until;
      }
    }
    throw aborted(`the context of ${executionId} is being renewed by others: try again`);
  }

  /** Destroys a run's context; says whether there was one. Repeatable. */
  async destroy(executionId: string, { service }: Caller): Promise<boolean> {
    const { store, log } = this.options;
    const existed = await store.destroy(executionId, ORIGIN);
    if (existed) log.info({ execution: executionId, caller: service }, 'context destroyed');
    return existed;
  }

  /** Names and times, oldest first. */
  async list({ createdBefore, pageSize, pageToken }: ListContextsInput): Promise<{
    readonly items: readonly ContextSummary[];
    readonly nextPageToken: string;
  }> {
    const before =
      createdBefore === undefined ? new Date(this.options.clock()) : timestampDate(createdBefore);
    const size = pageSize <= 0 ? DEFAULT_PAGE : Math.min(pageSize, MAX_PAGE);
    const items = await this.options.store.page(before, size, pageToken);
    return { items, nextPageToken: items.length < size ? '' : (items.at(-1)?._id ?? '') };
  }

  private async find(executionId: string): Promise<ContextDocument> {
    const document = await this.options.store.findByExecution(executionId, ORIGIN);
    if (document === undefined) throw notFound('ExecutionContext', executionId);
    return document;
  }

  /** Writes a renewal; false when another write came first. One that came late is written again. */
  private async prolong(document: ContextDocument, until: Date): Promise<boolean> {
    const { store, seal } = this.options;
    const renewal = await seal.renewal(document);
    let before = document;
    do {
      const after = { ...before, crypto: await renewal(until), expires_at: until };
      if (!(await store.update(before, after))) return before !== document;
      before = after;
    } while (seal.cameLate(before.crypto));
    return true;
  }

  private async sealRequest(request: CreateContextInput): Promise<ContextDocument> {
    const { executionId, org, creator, data, requestDigest } = request;
    checkData(data, 'data');
    const now = new Date(this.options.clock());
    const latest = now.getTime() + this.options.maxLifetimeMs;
    const id = newId(KINDS.ExecutionContext.idPrefix);
    const made = { by: creator, at: now };
    const facts = {
      ...({ _id: id, execution_id: executionId, origin: ORIGIN, org, slug: id } as const),
      metadata: create(ApiResourceMetadataSchema, { name: executionId }),
      version: { id: newId('ver'), message: '', previous: '' },
      ...{ created: made, updated: made },
      expires_at: new Date(Math.min(readExpiry(request.expiresAt, now).getTime(), latest)),
    };
    return { ...facts, ...(await this.options.seal.seal(facts, { data, digest: requestDigest })) };
  }

  private async isSameRequest(existing: ContextDocument, request: CreateContextInput): Promise<boolean> {
    const { org, creator, requestDigest } = request;
    if (existing.org !== org || existing.created.by !== creator) return false;
    const { digest } = await this.options.seal.open(existing);
    return sameDigest(digest, requestDigest);
  }

  private extended({ execution_id, created, expires_at }: ContextDocument, wanted: Date): Date {
    const latest = new Date(created.at.getTime() + this.options.maxLifetimeMs);
    if (wanted > latest && expires_at >= latest) {
      throw failedPrecondition(
        `context expired: the context of ${execution_id} may live until ${latest.toISOString()} and no longer`,
      );
    }
    return wanted > latest ? latest : wanted;
  }
}

/** In constant time, and of any length: equal hashes mean equal digests. */
function sameDigest(one: Uint8Array, other: Uint8Array): boolean {
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
  return timingSafeEqual(hash(one), hash(other));
}
