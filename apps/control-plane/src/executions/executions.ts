import { clone, equals, toBinary } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import {
  alreadyExists,
  invalidArguments,
  KINDS,
  notFound,
  resourceExhausted,
  slugify,
} from '@stigmer/domain';
import {
  type ExecutionSnapshot,
  ExecutionSnapshotSchema,
} from '@stigmer/proto/internal/v1/execution_snapshots';
import { type Caller, newId } from '@stigmer/service';
import { Limits } from '../limits';
import { specWritten, statusWritten } from '../resources/audit';
import { metadataOf, required } from '../resources/kind';
import { idFaults, staleVersion } from '../resources/metadata';
import type { Page } from '../resources/paging';
import { Contexts } from './contexts';
import { Endings } from './endings';
import { type Execution, type ExecutionKind, isTerminal, PHASE } from './execution-kind';
import { type ExecutionFilter, type ExecutionRow, ExecutionStore } from './executions.store';
import { Hints } from './hints';
import { Resolver } from './resolver';
import { checkRuntimeEnv, digestOf, redacted, redactedNames } from './run-request';
import { sourcesOf } from './run-template';
import { Starter } from './starter';
import { TemporalRuns } from './temporal';

/** Past this a status is refused: the runner cuts its own before. */
const STATUS_BYTES = 4 * 1024 * 1024;
/** MongoDB's 16 MiB, less what the row's other fields take. */
const DOCUMENT_BYTES = 15.5 * 1024 * 1024;

/** What can be done with an execution of either kind. What is particular to a kind is its `ExecutionKind`. */
@Injectable()
export class Executions {
  constructor(
    private readonly store: ExecutionStore,
    private readonly resolver: Resolver,
    private readonly starter: Starter,
    private readonly runs: TemporalRuns,
    private readonly contexts: Contexts,
    private readonly endings: Endings,
    private readonly hints: Hints,
    private readonly limits: Limits,
  ) {}

  /**
   * Creates and starts a run. Whatever can be known to be wrong is found before anything is written. The same request
   * by the same caller gets the same execution again.
   */
  async create<E extends Execution>(kind: ExecutionKind<E>, request: E, caller: Caller): Promise<E> {
    checkRuntimeEnv(required(request.spec, 'spec').runtimeEnv);
    const { id } = metadataOf(request);
    const known = id === '' ? undefined : await this.store.row(id);
    if (known !== undefined) return this.repeat(kind, known, request, caller);

    const draft = clone(kind.schema, request);
    completeId(draft, kind);
    const plan = await kind.plan(draft, caller);
    if (plan.org === '') throw invalidArguments([{ field: 'metadata.org', description: 'is required' }]);
    const { runtimeEnv } = required(request.spec, 'spec');
    const [secrets] = await Promise.all([
      this.resolver.check(plan.org, sourcesOf(plan.snapshot), runtimeEnv),
      this.runs.checkReachable(),
    ]);
    const isSecret = (name: string): boolean => secrets.has(name);
    const execution = redacted(kind, draft, isSecret);
    checkFits(kind, execution, plan.snapshot);
    const now = new Date();
    completeNew(kind, execution, plan.org, caller, now);
    const { tags } = metadataOf(execution);
    const row: ExecutionRow = {
      _id: metadataOf(execution).id,
      kind: kind.name,
      org: plan.org,
      template: plan.template,
      instance: plan.instance,
      ...(plan.session === undefined ? {} : { session: plan.session }),
      tags,
      phase: PHASE.pending,
      open: true,
      revision: 1,
      creator: caller.actor,
      contentDigest: contentDigest(kind, request, isSecret),
      step: 'stored',
      createdAt: now,
      checkAt: new Date(now.getTime() + this.limits.startGraceMs),
    };
    if (!(await this.store.insert(kind, row, execution, plan.snapshot))) {
      // Another call with this id was faster.
      const rival = await this.store.row(row._id);
      if (rival === undefined) throw alreadyExists(`${kind.name} already exists: ${row._id}`);
      return this.repeat(kind, rival, request, caller);
    }
    return this.starter.start({ kind, row, snapshot: plan.snapshot, request, caller, first: true });
  }

  async get<E extends Execution>(kind: ExecutionKind<E>, id: string): Promise<E> {
    return (await this.store.get(kind, id)).execution;
  }

  async list<E extends Execution>(
    kind: ExecutionKind<E>,
    filter: Omit<ExecutionFilter, 'kind'>,
    page: Page,
  ): Promise<{ totalPages: number; entries: E[] }> {
    const { items, total } = await this.store.list(kind, { ...filter, kind: kind.name }, page);
    return { totalPages: Math.ceil(total / page.size), entries: items };
  }

  /** Labels, annotations and tags: all that may change of an execution from outside. */
  async update<E extends Execution>(kind: ExecutionKind<E>, request: E, caller: Caller): Promise<E> {
    const { id, labels, annotations, tags, version } = metadataOf(request);
    return this.store.modify(kind, id, (execution) => {
      const metadata = metadataOf(execution);
      if (request.spec !== undefined && !sameSpec(kind, request, execution)) {
        throw invalidArguments([{ field: 'spec', description: 'cannot change after the creation' }]);
      }
      const expected = version?.id ?? '';
      if (expected !== '' && expected !== metadata.version?.id) throw staleVersion(metadata);
      const before = clone(kind.schema, execution);
      Object.assign(metadata, { labels, annotations, tags });
      if (equals(kind.schema, before, execution)) return false;
      const status: NonNullable<E['status']> = execution.status ?? kind.newStatus(id);
      status.audit = specWritten(status.audit, { actor: caller.actor, at: new Date() });
      execution.status = status;
      return true;
    });
  }

  /** Merges what a runner reports. What comes after the end is late and changes nothing. */
  async updateStatus<E extends Execution>(
    kind: ExecutionKind<E>,
    id: string,
    change: NonNullable<E['status']>,
    caller: Caller,
  ): Promise<E> {
    return this.store.modify(kind, id, (execution) => {
      const status: NonNullable<E['status']> = execution.status ?? kind.newStatus(id);
      if (isTerminal(status.phase)) return false;
      const before = clone(kind.schema, execution);
      execution.status = status;
      mergeCommon(status, change);
      kind.mergeStatus(status, change);
      if (equals(kind.schema, before, execution)) return false;
      const now = new Date();
      if (isTerminal(status.phase) && status.completedAt === '') status.completedAt = now.toISOString();
      status.audit = statusWritten(status.audit, { actor: caller.actor, at: now });
      checkSize(kind, execution);
      return true;
    });
  }

  /** Asks a run to end; it ends itself. Repeatable, and nothing to an execution that has ended. */
  async cancel<E extends Execution>(kind: ExecutionKind<E>, id: string): Promise<E> {
    const { row, execution } = await this.store.get(kind, id);
    if (isTerminal(row.phase)) return execution;
    const asked = await this.runs.cancel(id);
    // Nothing runs that could end the execution: its start was interrupted, or is under way and will find this.
    if (!asked) return this.endings.destroyAndEnd(kind, id, PHASE.cancelled, '');
    return this.get(kind, id);
  }

  /** Deletes an execution; a running one is cancelled first, and its context is gone before it is. */
  async delete<E extends Execution>(kind: ExecutionKind<E>, id: string): Promise<E> {
    const { row, execution } = await this.store.get(kind, id);
    if (!isTerminal(row.phase)) await this.runs.cancel(id);
    await this.contexts.destroy(id);
    await this.store.remove(id, row.revision);
    return execution;
  }

  /** The execution now, then at each change until it has ended. */
  async *subscribe<E extends Execution>(
    kind: ExecutionKind<E>,
    id: string,
    signal: AbortSignal,
  ): AsyncIterable<E> {
    // Listening begins before the first look: a change between the two is heard.
    const bell = this.hints.listen(id);
    try {
      for (let revision = -1; !signal.aborted;) {
        const changed = await this.store.changed(kind, id, revision);
        if (changed !== undefined) {
          yield changed.execution;
          if (isTerminal(changed.row.phase)) return;
          revision = changed.row.revision;
        }
        await bell.wait(this.limits.rereadMs, signal);
      }
    } finally {
      bell.close();
    }
  }

  /** What an execution runs, as it was when it was created, and the execution as it is. */
  async snapshot<E extends Execution>(kind: ExecutionKind<E>, id: string): Promise<ExecutionSnapshot> {
    const [{ execution }, snapshot] = await Promise.all([this.store.get(kind, id), this.store.snapshot(id)]);
    if (snapshot === undefined) throw notFound(kind.name, id);
    return kind.withExecution(snapshot, execution);
  }

  private async repeat<E extends Execution>(
    kind: ExecutionKind<E>,
    row: ExecutionRow,
    request: E,
    caller: Caller,
  ): Promise<E> {
    const taken = alreadyExists(`${kind.name} already exists: ${row._id}`);
    if (row.kind !== kind.name || row.creator !== caller.actor) throw taken;
    const { execution } = await this.store.get(kind, row._id);
    const blanked = redactedNames(execution);
    if (contentDigest(kind, request, (name) => blanked.has(name)) !== row.contentDigest) throw taken;
    if (isTerminal(row.phase)) return execution;
    const snapshot = await this.store.snapshot(row._id);
    if (snapshot === undefined) throw taken;
    await this.store.postpone(row._id, new Date(Date.now() + this.limits.startGraceMs));
    // The context service compares the values too, which are nowhere here.
    return this.starter.start({ kind, row, snapshot, request, caller, first: false });
  }
}

function completeId<E extends Execution>(draft: E, { name }: ExecutionKind<E>): void {
  const metadata = metadataOf(draft);
  if (metadata.id === '') metadata.id = newId(KINDS[name].idPrefix);
  const faults = idFaults(metadata.id);
  if (faults.length > 0) throw invalidArguments(faults);
}

function completeNew<E extends Execution>(
  kind: ExecutionKind<E>,
  execution: E,
  org: string,
  caller: Caller,
  now: Date,
): void {
  const metadata = metadataOf(execution);
  metadata.org = org;
  if (metadata.name === '') metadata.name = metadata.id;
  if (metadata.slug === '') metadata.slug = slugify(metadata.name);
  const status: NonNullable<E['status']> = kind.newStatus(metadata.id);
  const stamp = { actor: caller.actor, at: now };
  status.audit = statusWritten(specWritten(undefined, stamp), stamp);
  execution.status = status;
}

function contentDigest<E extends Execution>(
  kind: ExecutionKind<E>,
  request: E,
  isSecret: (name: string) => boolean,
): string {
  return digestOf(kind, redacted(kind, request, isSecret)).toString('hex');
}

function sameSpec<E extends Execution>(kind: ExecutionKind<E>, request: E, stored: E): boolean {
  const [a, b] = [request, stored].map((execution) => {
    const bare = redacted(kind, execution, () => false);
    delete bare.metadata;
    delete bare.status;
    return bare;
  });
  return a !== undefined && b !== undefined && equals(kind.schema, a, b);
}

/** Phases only go forward; texts that are absent leave what is there. */
function mergeCommon(into: NonNullable<Execution['status']>, change: NonNullable<Execution['status']>): void {
  into.phase = Math.max(into.phase, change.phase);
  if (change.error !== '') into.error = change.error;
  if (change.startedAt !== '') into.startedAt = change.startedAt;
  if (change.completedAt !== '') into.completedAt = change.completedAt;
}

/** The status is what its message takes beside its spec and metadata. */
function checkSize<E extends Execution>(kind: ExecutionKind<E>, execution: E): void {
  const bare = clone(kind.schema, execution);
  delete bare.status;
  const bytes = bytesOf(kind, execution) - bytesOf(kind, bare);
  if (bytes <= STATUS_BYTES) return;
  const { id } = metadataOf(execution);
  throw resourceExhausted(`the status of ${id} would have ${bytes} bytes, at most ${STATUS_BYTES} are kept`);
}

/** Together with its status and its row, an execution and its snapshot must fit into one document. */
function checkFits<E extends Execution>(
  kind: ExecutionKind<E>,
  execution: E,
  snapshot: ExecutionSnapshot,
): void {
  const bytes = bytesOf(kind, execution) + toBinary(ExecutionSnapshotSchema, snapshot).byteLength;
  if (bytes <= DOCUMENT_BYTES - STATUS_BYTES) return;
  throw resourceExhausted(
    `the run and its template have ${bytes} bytes, at most ${DOCUMENT_BYTES - STATUS_BYTES} are kept`,
  );
}

function bytesOf<E extends Execution>(kind: ExecutionKind<E>, execution: E): number {
  return toBinary(kind.schema, execution).byteLength;
}
