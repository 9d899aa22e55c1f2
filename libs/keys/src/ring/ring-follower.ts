import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@stigmer/service';
import type { KeyRecord, KeyRecords } from './key-record';
import type { KnownKeys } from './known-keys';
import type { LateWrites } from './late-writes';
import type { ReplicaBeat, ReplicaBeats } from './replica-beats';
import type { RingState } from './ring-state';
import type { Timings } from './timings';

export interface RingFollowerOptions {
  readonly known: KnownKeys;
  readonly records: KeyRecords;
  readonly beats: ReplicaBeats;
  readonly state: RingState;
  readonly late: Pick<LateWrites, 'settleAll'>;
  readonly timings: Timings;
  readonly log: Logger;
  /** Called with every record that the timer reads. */
  readonly onRecord: (record: KeyRecord) => void;
}

/** What a look at the record found, and the row of this replica that was written after it. */
export interface Seen {
  readonly record: KeyRecord;
  readonly own: ReplicaBeat;
}

const PAUSE_MS = 200;

/** Keeps a ring as its sources and its record say, and the other replicas informed of what this one holds. */
export class RingFollower {
  private timer: NodeJS.Timeout | undefined;
  private readonly unwatch: readonly (() => void)[];
  private turn: Promise<unknown> = Promise.resolve();
  private own: ReplicaBeat | undefined;
  private beatAt = 0;
  /** A source may have other keys than were loaded. */
  private stale = false;
  private sought = { ids: '', at: 0 };
  private failing = false;
  private closed = false;

  constructor(private readonly options: RingFollowerOptions) {
    this.unwatch = options.known.sources.map((source) =>
      source.watch(() => {
        this.stale = true;
        this.wake(0);
      }),
    );
  }

  /** Looks for the first time, which fails where a start should, and from then on by itself. */
  async start(): Promise<void> {
    await this.refresh();
    this.wake(this.options.timings.pollMs);
  }

  /** Looks at the record now, and at the sources if they may have changed. */
  refresh({ reload = false } = {}): Promise<Seen> {
    this.stale ||= reload;
    return this.inTurn(() => this.look(true));
  }

  /** The replicas that live, this one among them. */
  async replicas(): Promise<readonly ReplicaBeat[]> {
    return this.options.beats.live((await this.refresh()).own);
  }

  /** Waits until every live replica says so; one that does not in time is left to follow by itself. */
  async untilAll(followed: (replica: ReplicaBeat) => boolean): Promise<void> {
    const deadline = Date.now() + this.options.timings.settleMs;
    while (!(await this.replicas()).every(followed) && Date.now() < deadline) await sleep(PAUSE_MS);
  }

  /** Ends all of it. The row goes last, or a look that is still under way would write it again. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    for (const end of this.unwatch) end();
    await this.turn;
    try {
      await this.options.beats.leave();
    } catch (error) {
      this.options.log.warn({ err: error }, 'a replica could not sign off, and counts as alive for a while');
    }
  }

  private wake(inMs: number): void {
    clearTimeout(this.timer);
    if (this.closed) return;
    this.timer = setTimeout(() => void this.poll(), inMs);
  }

  private async poll(): Promise<void> {
    const { onRecord, timings, log } = this.options;
    try {
      onRecord((await this.inTurn(() => this.look(false))).record);
      this.failing = false;
    } catch (error) {
      if (!this.failing) log.warn({ err: error }, 'the record of the keys cannot be read');
      this.failing = true;
    }
    this.wake(timings.pollMs);
  }

  private inTurn<T>(action: () => Promise<T>): Promise<T> {
    const next = this.turn.then(action);
    this.turn = next.catch(() => undefined);
    return next;
  }

  private async look(commanded: boolean): Promise<Seen> {
    const { known, late, state, timings } = this.options;
    if (this.stale) {
      this.stale = false;
      await known.reload();
    }
    // Seen before it reads the record: a promotion finds this replica, or this replica finds the promotion.
    let own = this.own ?? (await this.beat());
    const record = await this.readRecord();
    const changed = state.follow(record, known.all);
    known.forgetAll(Object.keys(record.keys).filter((id) => record.keys[id]?.retired_at !== undefined));
    await late.settleAll();
    if (changed || commanded || Date.now() - this.beatAt >= timings.beatMs) own = await this.beat();
    return { record, own };
  }

  private async readRecord(): Promise<KeyRecord> {
    const { known, records } = this.options;
    const record = await records.get();
    const unnoted = known.lastingIds.filter((id) => record.keys[id] === undefined);
    if (unnoted.length > 0) await records.note(unnoted);
    if (this.shouldSeek(record)) await known.reload();
    return unnoted.length > 0 ? records.get() : record;
  }

  /** Whether the record names keys that a source may have got since it was asked: another replica adds them there. */
  private shouldSeek({ keys }: KeyRecord): boolean {
    const held = new Set(this.options.known.all.map(({ id }) => id));
    const lacking = Object.keys(keys).filter((id) => keys[id]?.retired_at === undefined && !held.has(id));
    const ids = lacking.sort().join();
    const due = ids !== this.sought.ids || Date.now() - this.sought.at >= this.options.timings.missingMs;
    if (due) this.sought = { ids, at: Date.now() };
    return due && ids !== '';
  }

  private async beat(): Promise<ReplicaBeat> {
    const { beats, known, state } = this.options;
    // A key that is retired is no longer accepted, whatever a source still says.
    this.own = await beats.beat(
      known.lastingIds.filter((id) => state.holds(id)),
      state.activeId,
    );
    this.beatAt = Date.now();
    return this.own;
  }
}
