import { type KeyEncryptionKey, KeyRing } from '@stigmer/crypto';
import { failedPrecondition } from '@stigmer/domain';
import type { Logger } from '@stigmer/service';
import type { KeyedDocuments } from './keyed-documents';
import type { RingState } from './ring-state';

export interface LateWritesOptions {
  readonly documents: Pick<KeyedDocuments, 'rewrapFrom'>;
  readonly state: RingState;
  readonly log: Logger;
  /** Longer than any write takes that is under way when its process learns that its key is retired. */
  readonly asideMs: number;
}

/** A key that the ring has let go of. */
interface Gone {
  /** Kept for a while after that, for what was written under it. */
  readonly key: KeyEncryptionKey | undefined;
  readonly until: number;
  /** Whether it was looked for what is under it since. */
  readonly settled: boolean;
}

/**
 * What a process writes under a key that was retired while it stood still: nobody waits for a process that is taken for
 * dead, and it goes on with the ring that it had. It learns of the retirement before or after its write arrives. If
 * after, it looks once for what is under the key when it learns; if before, whoever wrote says so (`written`). Either
 * way the key is still in this process's memory, though the ring accepts it no more, and brings what is found under
 * the active one.
 */
export class LateWrites {
  private readonly gone = new Map<string, Gone>();
  private held: readonly KeyEncryptionKey[];
  private readonly end: () => void;

  constructor(private readonly options: LateWritesOptions) {
    const { state } = options;
    this.held = state.current.keys;
    // In the same step in which the ring lets go of a key: a write finds it in one of the two places.
    this.end = state.onChange((ring) => {
      this.follow(ring);
    });
  }

  /** Is told of the key that a write was made under, once the write is done. */
  async written(id: string): Promise<void> {
    if (!this.gone.has(id)) return;
    await this.settle(id);
  }

  /** Looks for what is under the keys that were let go of, where it was not looked yet. What fails is tried again. */
  async settleAll(): Promise<void> {
    for (const [id, { settled }] of this.gone) {
      if (settled) this.forget(id);
      else
        await this.settle(id).catch((error: unknown) => {
          this.options.log.warn(
            { key: id, err: error },
            'what a retired key may still wrap cannot be looked for',
          );
        });
    }
  }

  close(): void {
    this.end();
    this.gone.clear();
  }

  private follow(ring: KeyRing): void {
    const until = Date.now() + this.options.asideMs;
    for (const key of this.held) {
      if (!ring.ids.includes(key.id)) this.gone.set(key.id, { key, until, settled: false });
    }
    // A retirement may be taken back.
    for (const id of ring.ids) this.gone.delete(id);
    this.held = ring.keys;
  }

  private async settle(id: string): Promise<void> {
    const { documents, state, log } = this.options;
    const found = this.gone.get(id);
    if (found === undefined) return;
    const { key } = found;
    if (key === undefined) throw failedPrecondition(`the key ${id} was retired while this was being written`);
    const { active, keys, olderForms } = state.current;
    const count = await documents.rewrapFrom(new KeyRing(active, [...keys, key], olderForms), id);
    if (count > 0) log.warn({ key: id, documents: count }, 'written under a key that was retired meanwhile');
    if (this.gone.get(id) === found) this.gone.set(id, { ...found, settled: true });
  }

  private forget(id: string): void {
    const found = this.gone.get(id);
    if (found?.key !== undefined && Date.now() >= found.until)
      this.gone.set(id, { ...found, key: undefined });
  }
}
