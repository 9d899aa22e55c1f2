import { isDuplicate, withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';

/** What a database remembers of the keys it was written with: which one wraps now, and what became of each. */
export interface KeyRecord {
  readonly _id: string;
  readonly active: string;
  /** By the key's id, which is hexadecimal and so may stand in a path. */
  readonly keys: Readonly<Record<string, KeyEntry>>;
  readonly rewrap?: RewrapRecord;
}

export interface KeyEntry {
  readonly added_at: Date;
  readonly promoted_at?: Date;
  /** Somebody is about to retire it: it cannot be promoted meanwhile. */
  readonly retiring_at?: Date;
  readonly retired_at?: Date;
}

/** A re-wrap, and how far it has come; whoever holds the lease works on it. */
export interface RewrapRecord {
  readonly running: boolean;
  readonly total: number;
  readonly done: number;
  /** Of this pass; each pass finds anew what does not open. */
  readonly failed: number;
  readonly pass_done: number;
  /** Everything up to this id was looked at in this pass. */
  readonly after: string;
  readonly owner: string;
  readonly lease_until: Date;
  readonly started_at: Date;
  readonly finished_at?: Date;
}

/** How one batch moves the record of a re-wrap on. */
export interface RewrapStep {
  readonly done: number;
  readonly set: Partial<Pick<RewrapRecord, 'failed' | 'pass_done' | 'after' | 'running' | 'finished_at'>>;
}

const RECORD_ID = 'ring';
/** The record of earlier versions, which knew one key alone. */
const EARLIER_ID = 'active';
const NO_TIME = new Date(0);

type Row = KeyRecord & { readonly fingerprint?: string };

/** The record of a ring in its database. Each change is one atomic update that says what it expects. */
export class KeyRecords {
  private readonly rows: mongo.Collection<Row>;

  constructor(connection: Connection) {
    this.rows = connection.collection<Row>('key_ring');
  }

  async find(): Promise<KeyRecord | undefined> {
    return (await withMongo(() => this.rows.findOne({ _id: RECORD_ID }))) ?? undefined;
  }

  async get(): Promise<KeyRecord> {
    const record = await this.find();
    if (record === undefined) throw new Error('the record of the key ring is gone');
    return record;
  }

  /** The active key as an earlier version wrote it down. */
  async findEarlier(): Promise<string | undefined> {
    return (await withMongo(() => this.rows.findOne({ _id: EARLIER_ID })))?.fingerprint;
  }

  /** Of two replicas that start at once on an empty database, one makes the record and the other one reads it. */
  async create(active: string): Promise<KeyRecord> {
    const now = new Date();
    const record = { _id: RECORD_ID, active, keys: { [active]: { added_at: now, promoted_at: now } } };
    try {
      await withMongo(() => this.rows.insertOne(record, { writeConcern: { w: 'majority' } }));
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
    await withMongo(() => this.rows.deleteOne({ _id: EARLIER_ID }));
    return this.get();
  }

  /** Writes down keys that the record does not know yet. */
  async note(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const unknown = { _id: RECORD_ID, [`keys.${id}`]: { $exists: false } };
      await this.update(unknown, { $set: { [`keys.${id}`]: { added_at: new Date() } } });
    }
  }

  /** Makes a key the active one, unless it is retired or about to be. */
  async promote(id: string, abandonedBefore: Date): Promise<boolean> {
    const notRetiring = [
      { [`keys.${id}.retiring_at`]: { $exists: false } },
      { [`keys.${id}.retiring_at`]: { $lt: abandonedBefore } },
    ];
    return this.update(
      { _id: RECORD_ID, [`keys.${id}.retired_at`]: { $exists: false }, $or: notRetiring },
      {
        $set: { active: id, [`keys.${id}.promoted_at`]: new Date() },
        $unset: { [`keys.${id}.retiring_at`]: 1 },
      },
    );
  }

  /** Announces that a key will be retired, unless it is the active one. */
  async announceRetirement(id: string): Promise<boolean> {
    return this.update(
      { _id: RECORD_ID, active: { $ne: id } },
      { $set: { [`keys.${id}.retiring_at`]: new Date() } },
    );
  }

  async cancelRetirement(id: string): Promise<void> {
    await this.update({ _id: RECORD_ID }, { $unset: { [`keys.${id}.retiring_at`]: 1 } });
  }

  /** False when the announcement was overtaken by a promotion. */
  async retire(id: string): Promise<boolean> {
    return this.update(
      { _id: RECORD_ID, active: { $ne: id }, [`keys.${id}.retiring_at`]: { $exists: true } },
      { $set: { [`keys.${id}.retired_at`]: new Date() }, $unset: { [`keys.${id}.retiring_at`]: 1 } },
    );
  }

  /** Takes the mark off a key that was retired and is needed after all. */
  async takeBack(id: string): Promise<void> {
    await this.update({ _id: RECORD_ID }, { $unset: { [`keys.${id}.retired_at`]: 1 } });
  }

  /** Starts a re-wrap; one that runs already goes on as it is. */
  async startRewrap(total: number): Promise<void> {
    const rewrap: RewrapRecord = {
      ...{ running: true, total, done: 0, failed: 0, pass_done: 0, after: '' },
      ...{ owner: '', lease_until: NO_TIME, started_at: new Date() },
    };
    await this.update({ _id: RECORD_ID, 'rewrap.running': { $ne: true } }, { $set: { rewrap } });
  }

  /** Takes the lease of a running re-wrap that nobody works on. Undefined when somebody does, or nothing runs. */
  async takeRewrap(owner: string, until: Date): Promise<KeyRecord | undefined> {
    const free = [{ 'rewrap.lease_until': { $lt: new Date() } }, { 'rewrap.owner': owner }];
    return this.updateRewrap({ $or: free }, { $set: { 'rewrap.owner': owner, 'rewrap.lease_until': until } });
  }

  /** Writes a batch's progress down and keeps the lease. Undefined when another replica has taken it over. */
  async stepRewrap(owner: string, until: Date, { done, set }: RewrapStep): Promise<KeyRecord | undefined> {
    const fields = Object.fromEntries(Object.entries(set).map(([name, value]) => [`rewrap.${name}`, value]));
    return this.updateRewrap(
      { 'rewrap.owner': owner },
      { $set: { ...fields, 'rewrap.lease_until': until }, $inc: { 'rewrap.done': done } },
    );
  }

  /** Gives the lease back, so that another replica goes on at once. */
  async leaveRewrap(owner: string): Promise<void> {
    await this.updateRewrap({ 'rewrap.owner': owner }, { $set: { 'rewrap.lease_until': NO_TIME } });
  }

  private async updateRewrap(
    expected: mongo.Filter<Row>,
    change: mongo.UpdateFilter<Row>,
  ): Promise<KeyRecord | undefined> {
    const filter = { _id: RECORD_ID, 'rewrap.running': true, ...expected };
    return (
      (await withMongo(() => this.rows.findOneAndUpdate(filter, change, { returnDocument: 'after' }))) ??
      undefined
    );
  }

  private async update(filter: mongo.Filter<Row>, change: mongo.UpdateFilter<Row>): Promise<boolean> {
    const options = { writeConcern: { w: 'majority' } } as const;
    const { matchedCount } = await withMongo(() => this.rows.updateOne(filter, change, options));
    return matchedCount === 1;
  }
}
