import { setTimeout as sleep } from 'node:timers/promises';
import { CryptoError, KeyRing, type KeyRingHolder } from '@stigmer/crypto';
import { unavailable } from '@stigmer/domain';
import type { WritingKeys } from '@stigmer/keys';
import type { Logger } from '@stigmer/service';
import type { ContextKeys } from './context-seal';
import type { ContextStore } from './contexts.store';
import { type Clock, type Epoch, epochAt, hasSettled, mayHaveSettled } from './epoch';
import {
  createEpochKey,
  type EpochKey,
  type EpochKeyDocument,
  epochKeyId,
  isEpochKeyId,
  openEpochKey,
} from './epoch-key';
import type { EpochKeyStore } from './epoch-keys.store';

export interface EpochKeysOptions {
  /** The context ring: its active key wraps the keys of epochs. */
  readonly ring: WritingKeys;
  readonly store: EpochKeyStore;
  /** Asked whether a context still needs a key. */
  readonly contexts: Pick<ContextStore, 'anyUnder'>;
  readonly log: Logger;
  readonly clock: Clock;
}

/** A key that another replica destroyed is gone from this one's memory after so long. */
const FOLLOW_MS = 2_000;
const SWEEP_MS = 30_000;
/** The next epoch's key is made this early, so that no request waits for it. */
const AHEAD_MS = 300_000;
const ATTEMPTS = 10;
const PAUSE_MS = 50;

/**
 * The keys that contexts are sealed under, one for each hour: made once however many replicas there are, kept in memory
 * while the database has them and no longer than their deadline, destroyed when no context can need them.
 */
export class EpochKeys implements ContextKeys, KeyRingHolder {
  #held: ReadonlyMap<string, EpochKey> = new Map();
  #memo:
    | { readonly ring: KeyRing; readonly of: KeyRing; readonly from: number; readonly until: number }
    | undefined;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #timers: readonly NodeJS.Timeout[] = [];
  #refused: ReadonlySet<string> = new Set();
  #cutOff = false;

  constructor(private readonly options: EpochKeysOptions) {}

  /** Loads the keys, makes the one of this hour, and from then on follows what other replicas make and destroy. */
  async start(): Promise<void> {
    await this.refresh();
    this.#timers = [
      setInterval(() => void this.follow(), FOLLOW_MS).unref(),
      setInterval(() => void this.attempt(() => this.sweep()), SWEEP_MS).unref(),
    ];
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#running.catch(() => undefined);
    this.hold(new Map());
  }

  /** The ids of the keys in memory. */
  get ids(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** This hour's key, which seals; those of earlier hours and of the context ring, which only open. */
  get current(): KeyRing {
    const now = this.options.clock();
    const of = this.options.ring.current;
    const memo = this.#memo;
    if (memo?.of === of && memo.from <= now && now < memo.until) return memo.ring;
    this.forget();
    const active = this.activeAt(now);
    if (active === undefined) throw unavailable('the key of this hour cannot be had from the database');
    const held = [...this.#held.values()];
    const ring = new KeyRing(active.key, [...held.map(({ key }) => key), ...of.keys]);
    const until = Math.min(
      active.epoch.endsAt.getTime(),
      ...held.map(({ epoch }) => epoch.deadline.getTime()),
    );
    this.#memo = { ring, of, from: now, until };
    return ring;
  }

  async toSeal(): Promise<KeyRing> {
    if (this.activeAt(this.options.clock()) === undefined) await this.refresh();
    return this.current;
  }

  async toOpen(kid: string): Promise<KeyRing> {
    // Another replica may have made the key a moment ago. It did so before it sealed the context under it.
    if (isEpochKeyId(kid) && !this.#held.has(kid)) await this.refresh();
    return this.toSeal();
  }

  mayBeGone(kid: string): boolean {
    if (!isEpochKeyId(kid)) return false;
    const held = this.#held.get(kid);
    return held === undefined || mayHaveSettled(held.epoch, this.options.clock());
  }

  /** Drops what is past its deadline. By the clock alone, so that a replica without its database does it too. */
  forget(): void {
    const now = this.options.clock();
    const living = [...this.#held].filter(([, { epoch }]) => now < epoch.deadline.getTime());
    if (living.length < this.#held.size) this.hold(new Map(living));
  }

  /** Brings the memory to what is in the database at some moment after this call. Calls of one moment share one look. */
  refresh(): Promise<void> {
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#running = this.load();
        return this.#running;
      });
    return this.#next;
  }

  /** Destroys the keys that are over: past their deadline, or of an earlier epoch and needed by no context. */
  async sweep(): Promise<void> {
    const { store, log } = this.options;
    await store.finish();
    for (const document of await store.list()) {
      if (!(await this.isOver(document))) continue;
      await store.destroy(document);
      log.info({ epochKey: epochKeyId(document) }, 'epoch key destroyed');
    }
    await this.refresh();
  }

  private async isOver(document: EpochKeyDocument): Promise<boolean> {
    const now = this.options.clock();
    const { _id: id, ends_at: endsAt, deadline } = document;
    if (now >= deadline.getTime()) return true;
    if (!hasSettled({ id, endsAt, deadline }, now)) return false;
    return !(await this.options.contexts.anyUnder(epochKeyId(document)));
  }

  private async follow(): Promise<void> {
    this.forget();
    await this.attempt(() => this.refresh());
  }

  private async load(): Promise<void> {
    const { store, clock } = this.options;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const documents = await store.list();
      const now = clock();
      const missing = [epochAt(now), epochAt(now + AHEAD_MS)].filter(
        ({ id }) => !documents.some(({ _id }) => _id === id),
      );
      if (missing.length === 0) {
        this.take(documents);
        return;
      }
      // What another replica has just made may not be read yet by a majority: then a pause makes the difference.
      if (attempt > 0) await sleep(PAUSE_MS);
      for (const epoch of missing) await this.make(epoch);
    }
    throw unavailable('the key of this hour cannot be made');
  }

  private async make(epoch: Epoch): Promise<void> {
    const { ring, store } = this.options;
    const document = createEpochKey(ring.current, epoch);
    await store.insert(document);
    await ring.written(document.crypto.kid);
  }

  private take(documents: readonly EpochKeyDocument[]): void {
    const found = documents.map((document) => this.#held.get(epochKeyId(document)) ?? this.opened(document));
    const held = found.flatMap((key) => (key === undefined ? [] : [[key.key.id, key] as const]));
    const ids = documents.map(epochKeyId);
    this.hold(new Map(held));
    this.forget();
    this.#refused = new Set(ids.filter((id) => !held.some(([opened]) => opened === id)));
  }

  /** Undefined for one that does not open: the contexts under it do not either, and say so. */
  private opened(document: EpochKeyDocument): EpochKey | undefined {
    try {
      return openEpochKey(this.options.ring.current, document);
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      const id = epochKeyId(document);
      if (!this.#refused.has(id))
        this.options.log.error({ epochKey: id, err: error }, 'an epoch key does not open');
      return undefined;
    }
  }

  private hold(held: ReadonlyMap<string, EpochKey>): void {
    this.#held = held;
    this.#memo = undefined;
  }

  private activeAt(now: number): EpochKey | undefined {
    const { id } = epochAt(now);
    return [...this.#held.values()].find(({ epoch }) => epoch.id === id);
  }

  /** Work that nobody waits for. A database that is away is said once. */
  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#cutOff = false;
    } catch (error) {
      if (!this.#cutOff) this.options.log.warn({ err: error }, 'the keys of epochs cannot be followed');
      this.#cutOff = true;
    }
  }
}
