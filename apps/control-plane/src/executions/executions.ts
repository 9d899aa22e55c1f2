import { clone, equals } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { invalidArguments, notFound } from '@stigmer/domain';
import type { ExecutionSnapshot } from '@stigmer/proto/internal/v1/execution_snapshots';
import type { Caller } from '@stigmer/service';
import { specWritten, statusWritten } from '../resources/audit';
import { metadataOf } from '../resources/kind';
import { staleVersion } from '../resources/metadata';
import { keepNames } from '../resources/page-budget';
import type { Page } from '../resources/paging';
import { Contexts } from './contexts';
import { Endings } from './endings';
import { type Execution, type ExecutionKind, isTerminal, PHASE } from './execution-kind';
import { ExecutionFeeds } from './execution-feeds';
import { ExecutionLog } from './execution-log';
import type { ExecutionFilter } from './execution-filter';
import { ExecutionStore } from './executions.store';
import { redacted } from './run-request';
import { checkStatusSize } from './sizes';
import { TemporalRuns } from './temporal';

/** How much of the reason of a failure is left where a list has no room. */
const ERROR_LENGTH = 512;

/** What can be done with an execution that exists, of either kind. What is particular to a kind is its `ExecutionKind`. */
@Injectable()
export class Executions {
  constructor(
    private readonly store: ExecutionStore,
    private readonly runs: TemporalRuns,
    private readonly contexts: Contexts,
    private readonly endings: Endings,
    private readonly feeds: ExecutionFeeds,
    private readonly log: ExecutionLog,
  ) {}

  async get<E extends Execution>(kind: ExecutionKind<E>, id: string): Promise<E> {
    return (await this.store.get(kind, id)).execution;
  }

  async list<E extends Execution>(
    kind: ExecutionKind<E>,
    filter: Omit<ExecutionFilter, 'kind'>,
    page: Page,
  ): Promise<{ totalPages: number; entries: E[] }> {
    const { items, total } = await this.store.list(kind, { ...filter, kind: kind.name }, page, [
      (execution) => {
        kind.dropBulk(execution);
        if (execution.status !== undefined) execution.status.provenance = {};
      },
      (execution) => {
        keepPhase(kind, execution);
      },
    ]);
    return { totalPages: Math.ceil(total / page.size), entries: [...items] };
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
      checkStatusSize(kind, execution);
      return true;
    });
  }

  /**
   * Asks a run to end; it ends itself. Repeatable. An execution that has ended stays as it is, but Temporal is asked
   * all the same: nothing may go on running under an execution that says it has ended.
   */
  async cancel<E extends Execution>(kind: ExecutionKind<E>, id: string, caller: Caller): Promise<E> {
    const { row, execution } = await this.store.get(kind, id);
    const asked = await this.runs.cancel(id);
    this.log.cancelled(row, caller);
    if (isTerminal(row.phase)) return execution;
    // Nothing runs that could end the execution: its start was interrupted, or is under way and will find this.
    if (!asked) return this.endings.destroyAndEnd(kind, id, PHASE.cancelled, '');
    return this.get(kind, id);
  }

  /** Deletes an execution; a running one is cancelled first, and its context is gone before it is. */
  async delete<E extends Execution>(kind: ExecutionKind<E>, id: string, caller: Caller): Promise<E> {
    const { row, execution } = await this.store.get(kind, id);
    if (!isTerminal(row.phase)) await this.runs.cancel(id);
    await this.contexts.destroy(id);
    await this.store.remove(id, row.revision);
    this.log.deleted(row, caller);
    return execution;
  }

  /** The execution now, then at each change until it has ended. */
  subscribe<E extends Execution>(kind: ExecutionKind<E>, id: string, signal: AbortSignal) {
    return this.feeds.follow(kind, id, signal);
  }

  /** What an execution runs, as it was when it was created, and the execution as it is. */
  async snapshot<E extends Execution>(kind: ExecutionKind<E>, id: string): Promise<ExecutionSnapshot> {
    const [{ execution }, snapshot] = await Promise.all([this.store.get(kind, id), this.store.snapshot(id)]);
    if (snapshot === undefined) throw notFound(kind.name, id);
    return kind.withExecution(snapshot, execution);
  }
}

/** Leaves an execution's names, phase and times. */
function keepPhase<E extends Execution>(kind: ExecutionKind<E>, execution: E): void {
  const status: NonNullable<E['status']> = kind.newStatus(metadataOf(execution).id);
  if (execution.status !== undefined) mergeCommon(status, execution.status);
  status.error = status.error.slice(0, ERROR_LENGTH);
  execution.status = status;
  keepNames(execution);
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

/**
 * Phases only go forward; texts that are absent leave what is there. Where the values came from, and what the run was
 * warned of, was noted here when it started: nobody reports it.
 */
function mergeCommon(into: NonNullable<Execution['status']>, change: NonNullable<Execution['status']>): void {
  into.phase = Math.max(into.phase, change.phase);
  if (change.error !== '') into.error = change.error;
  if (change.startedAt !== '') into.startedAt = change.startedAt;
  if (change.completedAt !== '') into.completedAt = change.completedAt;
}
