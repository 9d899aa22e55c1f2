import { CryptoError, type KeyEncryptionKey, KeyRing, type OlderForms } from '@stigmer/crypto';
import { failedPrecondition } from '@stigmer/domain';
import type { Logger } from '@stigmer/service';
import type { KeyRecord } from './key-record';

type Listener = (ring: KeyRing) => void;

/** The ring of this moment: the keys that are held and not retired, and the active one that the record names. */
export class RingState {
  private readonly listeners = new Set<Listener>();
  private usable = true;
  private complained = '';

  private constructor(
    private ring: KeyRing,
    private readonly log: Logger,
  ) {}

  /** For the start: a record whose active key is not held is an error that names both. */
  static of(
    record: KeyRecord,
    keys: readonly KeyEncryptionKey[],
    log: Logger,
    olderForms: OlderForms = 'read',
  ): RingState {
    const ring = ringOf(record, keys, olderForms);
    if (ring === undefined) throw missing(record.active, keys);
    return new RingState(ring, log);
  }

  get current(): KeyRing {
    if (!this.usable) throw failedPrecondition('this process holds no key that may still be used');
    return this.ring;
  }

  /** The key that this process wraps with, or that it wrapped with last. */
  get activeId(): string {
    return this.ring.active.id;
  }

  /** Whether this process opens what the key wrapped. */
  holds(id: string): boolean {
    return this.usable && this.ring.ids.includes(id);
  }

  onChange(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Follows the record. Answers whether the ring is another one now. */
  follow(record: KeyRecord, keys: readonly KeyEncryptionKey[]): boolean {
    const wanted = ringOf(record, keys, this.ring.olderForms);
    if (wanted !== undefined) this.complained = '';
    const next = wanted ?? this.withoutRetired(record, keys);
    this.usable = next !== undefined;
    if (next === undefined || sameRing(next, this.ring)) return false;
    this.ring = next;
    this.log.info({ active: next.active.id, keys: next.ids }, 'the key ring changed');
    for (const listener of this.listeners) listener(next);
    return true;
  }

  /**
   * The record names an active key that is not here. Data wrapped under the one before is as good, and nobody can
   * retire that while this process says that it wraps with it; a retired one must not wrap any more.
   */
  private withoutRetired(record: KeyRecord, keys: readonly KeyEncryptionKey[]): KeyRing | undefined {
    const { active, olderForms } = this.ring;
    if (this.complained !== record.active) {
      this.complained = record.active;
      this.log.error({ needs: record.active, held: keys.map(({ id }) => id) }, 'the active key is not here');
    }
    return ringOf({ ...record, active: active.id }, keys, olderForms);
  }
}

/** Throws, naming both, when documents need a key that is not held. */
export function assertHeld(needed: Iterable<string>, keys: readonly KeyEncryptionKey[]): void {
  for (const id of needed) if (!keys.some((key) => key.id === id)) throw missing(id, keys);
}

function ringOf(
  { active, keys: entries }: KeyRecord,
  keys: readonly KeyEncryptionKey[],
  olderForms: OlderForms,
): KeyRing | undefined {
  const usable = keys.filter(({ id }) => entries[id]?.retired_at === undefined);
  const first = usable.find(({ id }) => id === active);
  return first && new KeyRing(first, usable, olderForms);
}

function sameRing(left: KeyRing, right: KeyRing): boolean {
  return (
    left.active.id === right.active.id &&
    left.ids.length === right.ids.length &&
    left.ids.every((id) => right.ids.includes(id))
  );
}

function missing(id: string, keys: readonly KeyEncryptionKey[]): CryptoError {
  const configured = keys.length === 0 ? 'none' : keys.map((key) => key.id).join(', ');
  return new CryptoError(
    'key',
    `this database was written with the encryption key ${id}, configured: ${configured}`,
  );
}
