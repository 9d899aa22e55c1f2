import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { KeyRing, OlderForms } from '@stigmer/crypto';
import { failedPrecondition, notFound } from '@stigmer/domain';
import type { Logger } from '@stigmer/service';
import type { Connection } from 'mongoose';
import type { KeySource } from '../sources/key-source';
import { firstRecord } from './first-record';
import type { KeyedDocuments, Verification, WritingKeys } from './keyed-documents';
import { type KeyRecord, KeyRecords } from './key-record';
import { KnownKeys } from './known-keys';
import { LateWrites } from './late-writes';
import { type ReplicaBeat, ReplicaBeats } from './replica-beats';
import { assertUnneededForGood, retire } from './retirement';
import { RewrapJob } from './rewrap-job';
import { RingFollower } from './ring-follower';
import { RingState } from './ring-state';
import { type RingStatus, statusOf, sum } from './ring-status';
import { type Timings, TIMINGS } from './timings';

export interface ManagedKeyRingOptions {
  readonly ring: 'environment' | 'context';
  /** In the order of their precedence: in an empty database the first key of the first source becomes the active one. */
  readonly sources: readonly KeySource[];
  /** The database that holds the documents; the ring's record lies beside them. Stays the caller's to close. */
  readonly connection: Connection;
  readonly documents: KeyedDocuments;
  readonly log: Logger;
  /** By default they are read. */
  readonly olderForms?: OlderForms;
  /** This process among the replicas; by default a name of its own on this host. */
  readonly identity?: string;
  readonly timings?: Partial<Timings>;
}

const FINGERPRINT = /^[0-9a-f]{16}$/;

/** Whether it is a key's id, and not whatever else somebody may give for one: a key itself, say. */
export function isKeyId(id: string): boolean {
  return FINGERPRINT.test(id);
}

interface Parts {
  readonly options: ManagedKeyRingOptions;
  readonly timings: Timings;
  readonly records: KeyRecords;
  readonly state: RingState;
  readonly follower: RingFollower;
  readonly late: LateWrites;
  readonly job: RewrapJob;
}

/**
 * The keys of a service. Its sources say which keys there are, its database's record says which of them wraps and
 * which are retired; both are followed for as long as the service runs.
 */
export class ManagedKeyRing implements WritingKeys {
  private constructor(private readonly parts: Parts) {}

  /** Throws, naming the fingerprints needed and configured, when a key is missing that the record or a document names. */
  static async open(options: ManagedKeyRingOptions): Promise<ManagedKeyRing> {
    const managed = new ManagedKeyRing(await assemble(options));
    try {
      await managed.parts.follower.start();
      return managed;
    } catch (error) {
      await managed.close();
      throw error;
    }
  }

  get current(): KeyRing {
    return this.parts.state.current;
  }

  /** Calls back with each new ring. Returns what ends that. */
  onChange(listener: (ring: KeyRing) => void): () => void {
    return this.parts.state.onChange(listener);
  }

  written(id: string): Promise<void> {
    return this.parts.late.written(id);
  }

  async status(): Promise<RingStatus> {
    const { options, follower, state } = this.parts;
    const replicas = await follower.replicas();
    const { record } = await follower.refresh();
    return statusOf({ ...options, record, replicas, holds: (id) => state.holds(id) });
  }

  /**
   * Makes a key where a source can keep one. FAILED_PRECONDITION, with what to do, where only an operator can. `added` is
   * told of it at once, and the answer comes when every live replica holds it.
   */
  async add(added: (id: string) => void = () => undefined): Promise<RingStatus> {
    const { options, follower } = this.parts;
    const source = options.sources.find(({ writable }) => writable) ?? options.sources[0];
    if (source === undefined) throw failedPrecondition('this ring has no source of keys');
    const { id } = await source.add();
    added(id);
    options.log.info({ key: id, source: source.name }, 'a key was added');
    await follower.refresh({ reload: true });
    await follower.untilAll(({ ids }) => ids.includes(id));
    return this.status();
  }

  /** Makes a key the active one, and answers when every live replica wraps with it. */
  async promote(id: string): Promise<RingStatus> {
    const { follower, records, timings } = this.parts;
    const { record } = await follower.refresh();
    await this.assertKnown(id, record);
    if (record.active !== id) {
      if (record.keys[id]?.retired_at !== undefined) throw failedPrecondition(`the key ${id} is retired`);
      assertHeldByAll(id, await follower.replicas());
      const abandonedBefore = new Date(Date.now() - 4 * timings.settleMs);
      if (!(await records.promote(id, abandonedBefore))) {
        throw failedPrecondition(`the key ${id} is being retired`);
      }
      await follower.untilAll(({ active }) => active === id);
    }
    return this.status();
  }

  /** Brings everything under the active key, in the background; a re-wrap that runs already goes on. */
  async rewrap(): Promise<RingStatus> {
    const { options, follower, records, job } = this.parts;
    const { documents } = options;
    const { record } = await follower.refresh();
    const [counts, legacy] = await Promise.all([documents.countByKey(), documents.countLegacy()]);
    const old = [...counts].filter(([id]) => id !== record.active).map(([, count]) => count);
    await records.startRewrap(sum([legacy.documents, ...old]));
    job.resume((await follower.refresh()).record);
    return this.status();
  }

  /** Ends a key's use for ever, and destroys it where its source is ours. */
  async retire(id: string): Promise<RingStatus> {
    const { options, follower, records, timings } = this.parts;
    const { documents, sources } = options;
    const { record } = await follower.refresh();
    await this.assertKnown(id, record);
    const first = record.keys[id]?.retired_at === undefined;
    if (first) {
      const replicas = () => follower.replicas();
      await retire(id, record, { records, documents, replicas, settleMs: timings.settleMs });
    }
    await follower.refresh();
    await follower.untilAll(({ ids }) => !ids.includes(id));
    // Once more, now that nobody holds it: a write that was under way may have arrived since, and what is destroyed
    // never comes back.
    await assertUnneededForGood(id, first, { records, documents });
    // Also for one that is retired already: a process may have died between the mark and this.
    for (const source of sources) await source.destroy(id);
    await follower.refresh({ reload: true });
    return this.status();
  }

  /** Opens every data key and every value, and says how far it has come. */
  async *verify(): AsyncIterable<Verification & { readonly total: number }> {
    const { documents } = this.parts.options;
    await this.parts.follower.refresh();
    const total = await documents.total();
    for await (const step of documents.verify(this)) yield { ...step, total };
  }

  /** Ends the following, and leaves a running re-wrap to the others. */
  async close(): Promise<void> {
    await this.parts.job.close();
    await this.parts.follower.close();
    this.parts.late.close();
  }

  private async assertKnown(id: string, { keys }: KeyRecord): Promise<void> {
    // An id is a part of a path in the record; whatever else it may look like is none, and may be a secret.
    if (!isKeyId(id)) throw notFound('Key', 'an id is 16 hexadecimal digits');
    if (keys[id] !== undefined) return;
    const needed = await this.parts.options.documents.countByKey();
    if (!needed.has(id)) throw notFound('Key', id);
  }
}

async function assemble(options: ManagedKeyRingOptions): Promise<Parts> {
  const { connection, documents, log } = options;
  // A pod's name is its host's; of several processes on a laptop each needs its own.
  const identity = options.identity ?? `${hostname()}-${randomBytes(3).toString('hex')}`;
  const timings = { ...TIMINGS, ...options.timings };
  const known = new KnownKeys(options.sources, log);
  const records = new KeyRecords(connection);
  const beats = new ReplicaBeats(connection, identity, timings.staleMs);
  await known.load();
  await beats.prepare();
  const record = await firstRecord({ known, records, documents });
  const state = RingState.of(record, known.all, log, options.olderForms);
  const follow = (seen: KeyRecord) => void state.follow(seen, known.all);
  const { asideMs, leaseMs } = timings;
  const late = new LateWrites({ documents, state, log, asideMs });
  const written = (id: string) => late.written(id);
  const job = new RewrapJob({ records, documents, state, follow, written, identity, leaseMs, log });
  const onRecord = (seen: KeyRecord) => {
    job.resume(seen);
  };
  const follower = new RingFollower({ known, records, beats, state, late, timings, log, onRecord });
  return { options, timings, records, state, follower, late, job };
}

function assertHeldByAll(id: string, replicas: readonly ReplicaBeat[]): void {
  const without = replicas.filter(({ ids }) => !ids.includes(id)).map(({ _id }) => _id);
  if (without.length === 0) return;
  throw failedPrecondition(
    `the key ${id} cannot be promoted: ${without.length} of ${replicas.length} replicas do not hold it (${without.join(', ')})`,
  );
}
