import { clone } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { alreadyExists, invalidArguments, KINDS, slugify } from '@stigmer/domain';
import { type Caller, newId } from '@stigmer/service';
import { Limits } from '../limits';
import { specWritten, statusWritten } from '../resources/audit';
import { metadataOf, required } from '../resources/kind';
import { idFaults } from '../resources/metadata';
import { type Execution, type ExecutionKind, isTerminal, PHASE, type RunPlan } from './execution-kind';
import type { ExecutionRow } from './execution-row';
import { ExecutionLog } from './execution-log';
import { ExecutionStore } from './executions.store';
import { refuseOwnSecrets } from './own-secrets';
import { Resolver } from './resolver';
import { checkRuntimeEnv, digestOf, redacted, redactedNames } from './run-request';
import { sourcesOf } from './run-template';
import { checkFits } from './sizes';
import { Starter } from './starter';
import { TemporalRuns } from './temporal';

/** A run that may start: what is stored of it. */
interface Draft<E extends Execution> {
  readonly plan: RunPlan;
  readonly execution: E;
  readonly row: ExecutionRow;
}

/** The creation of executions: everything is checked, then one document is written, then the run is started. */
@Injectable()
export class Creation {
  constructor(
    private readonly store: ExecutionStore,
    private readonly resolver: Resolver,
    private readonly starter: Starter,
    private readonly runs: TemporalRuns,
    private readonly limits: Limits,
    private readonly log: ExecutionLog,
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

    const { plan, execution, row } = await this.draft(kind, request, caller);
    if (await this.store.insert(kind, row, execution, plan.snapshot)) {
      this.log.created(row, caller);
      return this.starter.start({ kind, row, snapshot: plan.snapshot, request, caller, first: true });
    }
    // Another call with this id was faster.
    const rival = await this.store.row(row._id);
    if (rival === undefined) throw taken(kind, row._id);
    return this.repeat(kind, rival, request, caller);
  }

  /** What will be stored. Refuses what cannot run, and writes nothing. */
  private async draft<E extends Execution>(
    kind: ExecutionKind<E>,
    request: E,
    caller: Caller,
  ): Promise<Draft<E>> {
    const draft = clone(kind.schema, request);
    completeId(draft, kind);
    const plan = await kind.plan(draft, caller);
    if (plan.org === '') throw invalidArguments([{ field: 'metadata.org', description: 'is required' }]);
    const [secrets] = await Promise.all([
      this.resolver.check(plan.org, sourcesOf(plan.snapshot), required(request.spec, 'spec').runtimeEnv),
      this.runs.checkReachable(),
    ]);
    const isSecret = (name: string): boolean => secrets.has(name);
    refuseOwnSecrets(kind, draft, isSecret);
    const execution = redacted(kind, draft, isSecret);
    const now = new Date();
    completeNew(kind, execution, plan.org, caller, now);
    checkFits(kind, execution, plan.snapshot);
    const row = {
      ...this.newRow(plan, caller, now),
      ...rowOf(kind, execution, contentDigest(kind, request, isSecret)),
    };
    return { plan, execution, row };
  }

  private newRow({ org, template, instance, session }: RunPlan, caller: Caller, now: Date) {
    return {
      ...{ org, template, instance },
      ...(session === undefined ? {} : { session }),
      ...{ phase: PHASE.pending, open: true, revision: 1, step: 'stored' as const },
      creator: caller.actor,
      createdAt: now,
      checkAt: new Date(now.getTime() + this.limits.startGraceMs),
    };
  }

  private async repeat<E extends Execution>(
    kind: ExecutionKind<E>,
    row: ExecutionRow,
    request: E,
    caller: Caller,
  ): Promise<E> {
    if (row.kind !== kind.name || row.creator !== caller.actor) throw taken(kind, row._id);
    const { execution } = await this.store.get(kind, row._id);
    const blanked = redactedNames(execution);
    if (contentDigest(kind, request, (name) => blanked.has(name)) !== row.contentDigest)
      throw taken(kind, row._id);
    if (isTerminal(row.phase)) return execution;
    const snapshot = await this.store.snapshot(row._id);
    if (snapshot === undefined) throw taken(kind, row._id);
    await this.store.postpone(row._id, new Date(Date.now() + this.limits.startGraceMs));
    // The context service compares the values too, which are nowhere here.
    return this.starter.start({ kind, row, snapshot, request, caller, first: false });
  }
}

function rowOf<E extends Execution>(kind: ExecutionKind<E>, execution: E, contentDigest: string) {
  const { id, tags } = metadataOf(execution);
  return { _id: id, kind: kind.name, tags, contentDigest };
}

function taken<E extends Execution>({ name }: ExecutionKind<E>, id: string) {
  return alreadyExists(`${name} already exists: ${id}`);
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
