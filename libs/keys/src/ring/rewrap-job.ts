import type { Logger } from '@stigmer/service';
import type { KeyedDocuments, RewrapBatch } from './keyed-documents';
import type { KeyRecord, KeyRecords, RewrapRecord, RewrapStep } from './key-record';
import type { RingState } from './ring-state';

export interface RewrapJobOptions {
  readonly records: KeyRecords;
  readonly documents: KeyedDocuments;
  readonly state: RingState;
  /** Brings the ring up to date with a record that was just read. */
  readonly follow: (record: KeyRecord) => void;
  /** Is told of the key that a batch was wrapped with. */
  readonly written: (id: string) => Promise<void>;
  readonly identity: string;
  readonly leaseMs: number;
  readonly log: Logger;
}

/** So many at once that the database is kept busy, and so few that a lease is renewed in time. */
const BATCH = 100;

/**
 * Re-wraps in the background: of all replicas the one that holds the lease. Its progress is in the record, so that
 * another one goes on where a dead one stopped; what that one had done beyond its last note is found done.
 */
export class RewrapJob {
  private working: Promise<void> | undefined;
  private closing = false;

  constructor(private readonly options: RewrapJobOptions) {}

  /** Goes on with a re-wrap that runs, if nobody else does. */
  resume({ rewrap, active }: KeyRecord): void {
    const { state, log } = this.options;
    // Without the active key there is nothing to wrap with: the work is for a replica that has it.
    if (rewrap?.running !== true || active !== state.activeId || this.closing) return;
    this.working ??= this.work()
      .catch((error: unknown) => {
        log.warn({ err: error }, 're-wrap interrupted, it goes on by itself');
      })
      .finally(() => {
        this.working = undefined;
      });
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.working;
  }

  private async work(): Promise<void> {
    const { records, identity, log } = this.options;
    let record = await records.takeRewrap(identity, this.leaseEnd());
    while (record?.rewrap?.running === true) {
      if (this.closing || !this.holdsActive(record)) return records.leaveRewrap(identity);
      record = await this.batch(record.rewrap);
    }
    if (record?.rewrap?.owner !== identity) return;
    const { done, failed } = record.rewrap;
    log.info({ done, failed }, 're-wrap finished');
  }

  /** A ring older than the record would wrap under the key that is to go. */
  private holdsActive(record: KeyRecord): boolean {
    const { state, follow } = this.options;
    follow(record);
    return state.activeId === record.active;
  }

  private async batch(rewrap: RewrapRecord): Promise<KeyRecord | undefined> {
    const { records, documents, state, identity, written } = this.options;
    const ring = state.current;
    const batch = await documents.rewrapBatch(ring, { after: rewrap.after, limit: BATCH });
    await written(ring.active.id);
    const step = stepOf(rewrap, batch);
    const noted = step.set.running === false ? await this.last(step) : step;
    return records.stepRewrap(identity, this.leaseEnd(), noted);
  }

  /** What is left in the end has failed, also where no pass comes by: documents under a key that nobody holds. */
  private async last(step: RewrapStep): Promise<RewrapStep> {
    const { documents, state } = this.options;
    const [counts, legacy] = await Promise.all([documents.countByKey(), documents.countLegacy()]);
    const left = [...counts].filter(([id]) => id !== state.activeId).map(([, count]) => count);
    const failed = left.reduce((sum, count) => sum + count, legacy.documents);
    return { ...step, set: { ...step.set, failed } };
  }

  private leaseEnd(): Date {
    return new Date(Date.now() + this.options.leaseMs);
  }
}

/**
 * Passes go over everything until one finds nothing to do: a replica that had not followed a promotion yet may have
 * written behind the pass that was under way.
 */
function stepOf(rewrap: RewrapRecord, { rewrapped, failed, next }: RewrapBatch): RewrapStep {
  const pass = { pass_done: rewrap.pass_done + rewrapped, failed: rewrap.failed + failed };
  if (next !== undefined) return { done: rewrapped, set: { ...pass, after: next } };
  if (pass.pass_done > 0) return { done: rewrapped, set: { pass_done: 0, failed: 0, after: '' } };
  return { done: rewrapped, set: { ...pass, after: '', running: false, finished_at: new Date() } };
}
