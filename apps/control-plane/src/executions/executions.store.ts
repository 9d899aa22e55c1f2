import { clone, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { aborted, notFound } from '@stigmer/domain';
import { ApiResourceMetadataVersionSchema } from '@stigmer/proto/commons/apiresource/metadata';
import {
  type ExecutionSnapshot,
  ExecutionSnapshotSchema,
} from '@stigmer/proto/internal/v1/execution_snapshots';
import { isDuplicate } from '@stigmer/mongo';
import { Encoded } from '@stigmer/proto';
import type { Model } from 'mongoose';
import { Database } from '../database';
import { type Kind, metadataOf } from '../resources/kind';
import { fillWhole, type Reduction } from '../resources/page-budget';
import type { Page } from '../resources/paging';
import { type Execution, type ExecutionKindName, isTerminal, type KindOfExecution } from './execution-kind';
import { type ExecutionFilter, queryOf } from './execution-filter';
import {
  type ExecutionDocument,
  type ExecutionRow,
  executionSchema,
  type StoredExecution,
  type UsingRow,
} from './execution-row';
import { type EnvironmentUsers, environmentUsers } from './environment-users';
import { Hints } from './hints';

/** A status is written up to four times a second by one runner; more rivals than this there are not. */
const ATTEMPTS = 20;
const ROW = { message: 0, snapshot: 0, uses: 0 } as const;

/** The executions of both kinds, each in one document with its snapshot: there is no half of one. */
@Injectable()
export class ExecutionStore {
  private readonly model: Model<ExecutionDocument>;

  constructor(
    private readonly database: Database,
    private readonly hints: Hints,
  ) {
    this.model = database.connection.model<ExecutionDocument>('Execution', executionSchema, 'executions');
  }

  /** Says whether it was inserted: not where the id is taken. */
  async insert<E extends Execution>(
    kind: KindOfExecution<E>,
    row: ExecutionRow,
    execution: E,
    snapshot: ExecutionSnapshot,
  ): Promise<boolean> {
    const document: ExecutionDocument = {
      ...row,
      message: encode(kind, execution, row.revision),
      snapshot: Buffer.from(toBinary(ExecutionSnapshotSchema, snapshot)),
    };
    try {
      await this.database.run(() => this.model.insertMany([document]));
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }

  async row(id: string): Promise<ExecutionRow | undefined> {
    return (await this.database.run(() => this.model.findById(id, ROW).lean().exec())) ?? undefined;
  }

  async find<E extends Execution>(
    kind: KindOfExecution<E>,
    id: string,
  ): Promise<StoredExecution<E> | undefined> {
    const document = await this.document(kind, id);
    return document && { row: document, execution: fromBinary(kind.schema, document.message) };
  }

  async get<E extends Execution>(kind: KindOfExecution<E>, id: string): Promise<StoredExecution<E>> {
    const stored = await this.find(kind, id);
    if (stored === undefined) throw notFound(kind.name, id);
    return stored;
  }

  /** The execution, as it is stored, if it has changed since `revision`. NOT_FOUND once it is deleted. */
  async changed<E extends Execution>(
    kind: KindOfExecution<E>,
    id: string,
    revision: number,
  ): Promise<{ readonly row: ExecutionRow; readonly message: Encoded<Kind<E>['schema']> } | undefined> {
    if ((await this.row(id))?.revision === revision) return undefined;
    const document = await this.document(kind, id);
    if (document === undefined) throw notFound(kind.name, id);
    return { row: document, message: new Encoded(kind.schema, document.message) };
  }

  async snapshot(id: string): Promise<ExecutionSnapshot | undefined> {
    const document = await this.database.run(() => this.model.findById(id, { snapshot: 1 }).lean().exec());
    return document === null ? undefined : fromBinary(ExecutionSnapshotSchema, document.snapshot);
  }

  /**
   * Reads, changes and writes an execution until nobody came in between. `change` works on a copy and says whether
   * there is anything to write; subscribers hear of every write here, so that none is forgotten.
   */
  async modify<E extends Execution>(
    kind: KindOfExecution<E>,
    id: string,
    change: (execution: E) => boolean,
  ): Promise<E> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const { row, execution } = await this.get(kind, id);
      const draft = clone(kind.schema, execution);
      if (!change(draft)) return execution;
      if (await this.swap(kind, row, draft)) return draft;
    }
    throw tooManyRivals(id);
  }

  /** Writes an execution that was read as `row` says, if nobody came in between; says whether. */
  private async swap<E extends Execution>(
    kind: KindOfExecution<E>,
    row: ExecutionRow,
    draft: E,
    marks: Partial<ExecutionDocument> = {},
  ): Promise<boolean> {
    const { _id: id } = row;
    const phase = draft.status?.phase ?? row.phase;
    const revision = row.revision + 1;
    const message = encode(kind, draft, revision);
    const { tags } = metadataOf(draft);
    const { matchedCount } = await this.database.run(() =>
      this.model
        .updateOne(
          { _id: id, revision: row.revision },
          { $set: { ...marks, message, revision, phase, open: !isTerminal(phase), tags } },
        )
        .exec(),
    );
    if (matchedCount === 1) this.hints.announce(id, revision);
    return matchedCount === 1;
  }

  /** Notes what the sweep saw. No change that a reader would see. */
  async mark(
    id: string,
    marks: Partial<Pick<ExecutionRow, 'missingSince' | 'contextExpiresAt'>>,
  ): Promise<void> {
    await this.database.run(() => this.model.updateOne({ _id: id }, { $set: marks }).exec());
  }

  /**
   * Notes that an execution has its context, and what was put into it: `change` writes that into the status. Says
   * whether it still is to be started.
   */
  async markPrepared<E extends Execution>(
    kind: KindOfExecution<E>,
    id: string,
    marks: Required<Pick<ExecutionDocument, 'contextExpiresAt' | 'uses'>>,
    change: (execution: E) => void,
  ): Promise<boolean> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const stored = await this.find(kind, id);
      if (stored === undefined || !stored.row.open || stored.row.step === 'started') return false;
      const { row, execution } = stored;
      // A repetition finds what the first one noted: that is what the context holds.
      const { contextExpiresAt } = marks;
      if (row.step === 'prepared') {
        await this.mark(id, { contextExpiresAt });
        return true;
      }
      const draft = clone(kind.schema, execution);
      change(draft);
      if (await this.swap(kind, row, draft, { ...marks, step: 'prepared' })) return true;
    }
    throw tooManyRivals(id);
  }

  /** Keeps the sweep away from a start that is being repeated. */
  async postpone(id: string, checkAt: Date): Promise<void> {
    await this.database.run(() =>
      this.model.updateOne({ _id: id, open: true, step: { $ne: 'started' } }, { $set: { checkAt } }).exec(),
    );
  }

  /** Notes that Temporal has the workflow. */
  async markStarted(id: string): Promise<void> {
    const marks = { $set: { step: 'started' as const }, $unset: { missingSince: 1 as const } };
    await this.database.run(() => this.model.updateOne({ _id: id }, marks).exec());
  }

  /**
   * Takes the open execution that has waited longest for a look, and keeps it from everybody else until `until`. If
   * its holder dies, it comes up again then.
   */
  async claim(now: Date, until: Date): Promise<ExecutionRow | undefined> {
    const row = await this.database.run(() =>
      this.model
        .findOneAndUpdate(
          { open: true, checkAt: { $lte: now } },
          { $set: { checkAt: until } },
          { sort: { checkAt: 1 }, projection: ROW, returnDocument: 'after' },
        )
        .lean()
        .exec(),
    );
    return row ?? undefined;
  }

  /** Those of these ids whose executions have not ended. */
  async openAmong(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const documents = await this.database.run(() =>
      this.model
        .find({ _id: { $in: [...ids] }, open: true }, { _id: 1 })
        .lean()
        .exec(),
    );
    return new Set(documents.map(({ _id }) => _id));
  }

  /** A page by its number. What would not fit into an answer comes reduced. */
  async list<E extends Execution>(
    kind: KindOfExecution<E>,
    filter: ExecutionFilter,
    page: Page,
    reductions: readonly Reduction<E>[],
  ): Promise<{ readonly items: readonly E[]; readonly total: number }> {
    const query = queryOf(filter);
    const documents = this.model
      .find(query, { message: 1 })
      .sort({ createdAt: -1, _id: -1 })
      .skip((page.number ?? 0) * page.size)
      .limit(page.size)
      .lean();
    const [total, items] = await this.database.run(() =>
      Promise.all([this.model.countDocuments(query).exec(), fillWhole(kind, documents.cursor(), reductions)]),
    );
    return { items, total };
  }

  /** Some of the executions that have not ended: who keeps a template, an instance or a session from being deleted. */
  async running(
    filter: ExecutionFilter,
  ): Promise<readonly { readonly kind: ExecutionKindName; readonly id: string }[]> {
    const documents = await this.database.run(() =>
      this.model
        .find({ ...queryOf(filter), open: true }, { kind: 1 })
        .limit(10)
        .lean()
        .exec(),
    );
    return documents.map(({ _id, kind }) => ({ kind, id: _id }));
  }

  /** A page of the executions that were given values of an environment, the newest first. */
  async usersOfEnvironment(users: EnvironmentUsers, page: Page): Promise<readonly UsingRow[]> {
    return this.database.run(() =>
      this.model
        .find(environmentUsers(users, page.after), { message: 0, snapshot: 0 })
        .sort({ createdAt: -1, _id: -1 })
        .limit(page.size)
        .lean()
        .exec(),
    );
  }

  async remove(id: string, revision: number): Promise<void> {
    await this.database.run(() => this.model.deleteOne({ _id: id }).exec());
    this.hints.announce(id, revision + 1);
  }

  private async document(
    { name }: Pick<KindOfExecution<Execution>, 'name'>,
    id: string,
  ): Promise<(ExecutionRow & Pick<ExecutionDocument, 'message'>) | undefined> {
    const query = this.model.findOne({ _id: id, kind: name }, { snapshot: 0, uses: 0 });
    return (await this.database.run(() => query.lean().exec())) ?? undefined;
  }
}

function tooManyRivals(id: string) {
  return aborted(`${id} is being changed by many at once; try again`);
}

/** Every message says which revision it is, so that a reader can name the one its change was made from. */
function encode<E extends Execution>(kind: Kind<E>, execution: E, revision: number): Buffer {
  metadataOf(execution).version = create(ApiResourceMetadataVersionSchema, { id: String(revision) });
  return Buffer.from(toBinary(kind.schema, execution));
}
