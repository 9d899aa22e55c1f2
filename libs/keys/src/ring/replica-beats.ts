import { withMongo } from '@stigmer/mongo';
import type { Connection, mongo } from 'mongoose';

/** A process that serves a ring: the keys that its sources gave it, and the one that it wraps with. */
export interface ReplicaBeat {
  readonly _id: string;
  readonly ids: readonly string[];
  readonly active: string;
  readonly seen_at: Date;
}

const FORGOTTEN_AFTER_S = 3_600;

/**
 * The replicas of a ring, each with a row that it renews. All times are the database's: clocks that disagree must not
 * make a replica invisible to one that asks whether everybody holds a key.
 */
export class ReplicaBeats {
  private readonly rows: mongo.Collection<ReplicaBeat>;

  constructor(
    connection: Connection,
    private readonly identity: string,
    private readonly staleMs: number,
  ) {
    this.rows = connection.collection<ReplicaBeat>('key_replicas');
  }

  async prepare(): Promise<void> {
    await withMongo(() =>
      this.rows.createIndexes([{ key: { seen_at: 1 }, expireAfterSeconds: FORGOTTEN_AFTER_S }]),
    );
  }

  /** Says that this replica lives, and answers with its row as the database dated it. */
  async beat(ids: readonly string[], active: string): Promise<ReplicaBeat> {
    const change = { $set: { ids, active }, $currentDate: { seen_at: true } } as const;
    const row = await withMongo(() =>
      this.rows.findOneAndUpdate({ _id: this.identity }, change, { upsert: true, returnDocument: 'after' }),
    );
    if (row === null) throw new Error('the row of a replica vanished while it was written');
    return row;
  }

  /** The replicas that live; `own` is the beat just made, which dates the question. */
  async live(own: ReplicaBeat): Promise<readonly ReplicaBeat[]> {
    const since = new Date(own.seen_at.getTime() - this.staleMs);
    return withMongo(() =>
      this.rows
        .find({ seen_at: { $gte: since } })
        .sort({ _id: 1 })
        .toArray(),
    );
  }

  async leave(): Promise<void> {
    await withMongo(() => this.rows.deleteOne({ _id: this.identity }));
  }
}
