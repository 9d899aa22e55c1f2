import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import { DomainError, type ErrorKind, notFound } from '@stigmer/domain';
import type { ExecutionSnapshot } from '@stigmer/proto/internal/v1/execution_snapshots';
import type { PreparedRun } from '@stigmer/proto/internal/v1/run_resolver';
import type { Caller } from '@stigmer/service';
import { Limits } from '../limits';
import { Contexts } from './contexts';
import { Endings } from './endings';
import { type Execution, type ExecutionKind, isTerminal, PHASE } from './execution-kind';
import type { ExecutionRow } from './execution-row';
import { ExecutionStore } from './executions.store';
import { keptWarnings, provenanceOf, usesOf } from './provenance';
import { Resolver } from './resolver';
import { digestOf } from './run-request';
import { sourcesOf } from './run-template';
import { TemporalRuns } from './temporal';

/** A run that is stored and is to be started. */
export interface Start<E extends Execution> {
  readonly kind: ExecutionKind<E>;
  readonly row: ExecutionRow;
  readonly snapshot: ExecutionSnapshot;
  /** As it came, with the values of its secrets: they go to the resolver and are kept nowhere here. */
  readonly request: E;
  readonly caller: Caller;
  /** Whether this call stored the run. A repetition must not end what the first call may be starting. */
  readonly first: boolean;
}

/** After these, the same call would be refused again, and nothing has happened. */
const REFUSALS: ReadonlySet<ErrorKind> = new Set([
  'invalid-argument',
  'not-found',
  'already-exists',
  'failed-precondition',
  'permission-denied',
  'unauthenticated',
  'resource-exhausted',
]);

/** Starts a stored run: its context first, then its workflow. Every step may be repeated, by a caller who got no answer. */
@Injectable()
export class Starter {
  constructor(
    private readonly store: ExecutionStore,
    private readonly resolver: Resolver,
    private readonly contexts: Contexts,
    private readonly runs: TemporalRuns,
    private readonly endings: Endings,
    private readonly limits: Limits,
  ) {}

  /**
   * Answers the execution as it then is. A certain refusal ends it as FAILED with the reason. An uncertain answer is
   * UNAVAILABLE and deletes nothing: the caller repeats the call, or the sweep settles it.
   */
  async start<E extends Execution>(start: Start<E>): Promise<E> {
    const { kind, row, first } = start;
    try {
      const prepared = await this.prepare(start);
      if (!(await this.note(start, prepared))) return await this.asItIs(kind, row._id);
    } catch (error) {
      if (!first || !isRefusal(error)) throw error;
      // A context of this id that somebody else has made is not ours to destroy.
      if (error.kind !== 'already-exists') await this.contexts.destroy(row._id);
      return this.endings.end(kind, row._id, PHASE.failed, error.message);
    }
    try {
      await this.runs.start(kind.workflowType, kind.taskQueue, row._id);
    } catch (error) {
      if (!first || !isRefusal(error)) throw error;
      return this.endings.destroyAndEnd(kind, row._id, PHASE.failed, error.message);
    }
    await this.store.markStarted(row._id);
    return this.asItIs(kind, row._id);
  }

  private async prepare<E extends Execution>({
    kind,
    row,
    snapshot,
    request,
    caller,
  }: Start<E>): Promise<PreparedRun> {
    await kind.ready?.(snapshot, caller);
    const asked = this.limits.leaseEnd(row.createdAt, new Date());
    return this.resolver.prepare({
      executionId: row._id,
      org: row.org,
      ...sourcesOf(snapshot),
      runtimeEnv: request.spec?.runtimeEnv ?? {},
      creator: row.creator,
      requestDigest: digestOf(kind, request),
      expiresAt: timestampFromDate(asked),
    });
  }

  /** Keeps where the values came from. Says whether the run still is to be started. */
  private note<E extends Execution>(
    { kind, row }: Start<E>,
    { variables, warnings, expiresAt }: PreparedRun,
  ): Promise<boolean> {
    const contextExpiresAt =
      expiresAt === undefined ? this.limits.leaseEnd(row.createdAt, new Date()) : timestampDate(expiresAt);
    return this.store.markPrepared(
      kind,
      row._id,
      { contextExpiresAt, uses: usesOf(variables) },
      (execution) => {
        const status: NonNullable<E['status']> = execution.status ?? kind.newStatus(row._id);
        status.provenance = provenanceOf(variables);
        status.warnings = keptWarnings(warnings);
        execution.status = status;
      },
    );
  }

  /** The execution after its start; undoes the start where it was ended or deleted in the meantime. */
  private async asItIs<E extends Execution>(kind: ExecutionKind<E>, id: string): Promise<E> {
    const stored = await this.store.find(kind, id);
    if (stored !== undefined && !isTerminal(stored.row.phase)) return stored.execution;
    await this.runs.cancel(id);
    await this.contexts.destroy(id);
    if (stored === undefined) throw notFound(kind.name, id);
    return stored.execution;
  }
}

function isRefusal(error: unknown): error is DomainError {
  return error instanceof DomainError && REFUSALS.has(error.kind);
}
